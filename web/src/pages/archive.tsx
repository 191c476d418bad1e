import {useEffect, useRef, useState} from 'preact/hooks';
import {api, type Verification} from '../api';
import {bytes, count, date, num, plural, timeOfDay} from '../logic/format';
import {link, type Route} from '../logic/route';
import {FilmStrip} from '../parts/film_strip';
import {Icon} from '../parts/icon';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';
import {usePlayer, type Player} from '../parts/player';
import {ArchiveState, ArchiveTroubles} from './archives';

const kEveryMs = 5000;
const kSettleMs = 80;  // A slider that moves on asks for nothing.
const kSpeeds = [0.25, 0.5, 1, 2, 4, 8, 16];

function Screen({player}: {player: Player}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [bad, setBad] = useState(false);
  const image = player.shown?.image;
  useEffect(() => {
    if (!image) return;
    let current = true;
    const draw = () => {
      const target = canvas.current;
      if (!current || !target) return;
      setBad(!image.naturalWidth);
      if (!image.naturalWidth) return;
      target.width = image.naturalWidth;
      target.height = image.naturalHeight;
      target.getContext('2d')?.drawImage(image, 0, 0);
    };
    if (image.complete) {
      draw();
    } else {
      image.addEventListener('load', draw, {once: true});
      image.addEventListener('error', draw, {once: true});
    }
    return () => { current = false; };
  }, [image]);
  const frame = player.shown?.frame;
  return (
    <div class="screen">
      <canvas ref={canvas} role="img"
              aria-label={frame ? `Frame ${frame.seq ?? 0}` : 'No frame'} />
      {bad && <p class="stage-note">This frame can't be fetched: verify the
        archive to learn what is missing.</p>}
    </div>
  );
}

function Controls({player, first, last}:
    {player: Player, first: number, last: number}) {
  const frame = player.shown?.frame;
  const seq = num(frame?.seq);
  // Where the slider is held, until the frame there is shown.
  const [held, setHeld] = useState<number|null>(null);
  useEffect(() => {
    if (held === null) return;
    const timer = setTimeout(async () => {
      await player.seek(held);
      setHeld((now) => now === held ? null : now);
    }, kSettleMs);
    return () => clearTimeout(timer);
  }, [held]);
  return (
    <div class="controls">
      <input type="range" min={first} max={last}
             value={held ?? (frame ? seq : first)}
             aria-label="Frame" aria-valuetext={`Frame ${seq}, ${
                 timeOfDay(frame?.time)}`}
             onInput={(event) => setHeld(Number(event.currentTarget.value))} />
      <div class="controls-line">
        <button type="button" class="quiet icon-only" aria-label="First frame"
                onClick={() => player.seek(first)}><Icon name="first" /></button>
        <button type="button" class="quiet icon-only" aria-label="Frame before"
                onClick={() => player.step(-1)}><Icon name="back" /></button>
        <button type="button" class="primary icon-only"
                aria-label={player.playing ? 'Pause' : 'Play'}
                onClick={() => player.setPlaying(!player.playing)}>
          <Icon name={player.playing ? 'pause' : 'play'} /></button>
        <button type="button" class="quiet icon-only" aria-label="Next frame"
                onClick={() => player.step(1)}><Icon name="next" /></button>
        <button type="button" class="quiet icon-only" aria-label="Last frame"
                onClick={() => player.seek(last)}><Icon name="last" /></button>
        <select aria-label="Speed" value={String(player.speed)}
                onChange={(event) =>
                    player.setSpeed(Number(event.currentTarget.value))}>
          {kSpeeds.map((speed) =>
              <option key={speed} value={String(speed)}>{speed} ×</option>)}
        </select>
        <span class="stamp">
          <strong>{timeOfDay(frame?.time, true)}</strong> {date(frame?.time)}
        </span>
        <span class="note">frame {count(seq)} of {count(last)}
          {frame?.width ? ` · ${frame.width} × ${frame.height}` : ''}
          {frame ? ` · ${bytes(frame.bytes)}` : ''}</span>
      </div>
    </div>
  );
}

function useKeys(player: Player, first: number, last: number) {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (target.closest('dialog, input, textarea, select, .menu') ||
          event.altKey || event.ctrlKey || event.metaKey) {
        return;
      }
      const by = event.shiftKey ? 10 : 1;
      const actions: Record<string, () => void> = {
        'ArrowLeft': () => player.step(-by),
        'ArrowRight': () => player.step(by),
        'Home': () => player.seek(first),
        'End': () => player.seek(last),
        'Escape': () => { location.hash = link('archive'); },
      };
      if (!target.closest('button, a, summary')) {
        actions[' '] = () => player.setPlaying((old) => !old);
      }
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [player, first, last]);
}

function Verify({name}: {name: string}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error|null>(null);
  const [result, setResult] = useState<Verification|null>(null);
  const abort = useRef<AbortController|null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const run = async (quick: boolean) => {
    abort.current = new AbortController();
    setBusy(true);
    setError(null);
    setResult(null);
    try {
      setResult(await api.verify(name, quick, abort.current.signal));
    } catch (caught) {
      if (!abort.current.signal.aborted) setError(caught as Error);
    }
    setBusy(false);
  };
  return (
    <section class="panel verify" aria-label="Verification">
      <header>
        <h2>Is all there?</h2>
        <span class="grow" />
        {busy ?
          <button type="button" class="small"
                  onClick={() => abort.current?.abort()}>Cancel</button> :
          <>
            <button type="button" class="small" onClick={() => run(true)}
                    title="Looks at names and sizes, fetches nothing">
              Check sizes</button>
            <button type="button" class="small" onClick={() => run(false)}
                    title="Fetches every frame and compares its digest">
              Verify all</button>
          </>}
      </header>
      {busy && <Loading what="and comparing the frames" />}
      {error && <Trouble error={error} />}
      {result &&
        <div role="status">
          <p class={result.good ? 'verdict good' : 'verdict bad'}>
            <Icon name={result.good ? 'check' : 'warning'} />
            {result.good ? 'Every frame is there, unchanged and in order.' :
                           'Something is missing or changed.'}
          </p>
          <p class="note">{plural(result.frames, 'frame')} in{' '}
            {plural(result.objects, 'object')}, {bytes(result.bytes)}</p>
          {(result.findings ?? []).length > 0 &&
            <ul class="findings">
              {result.findings!.map((text) => <li key={text}>{text}</li>)}
              {num(result.moreFindings) > 0 &&
                  <li>and {count(result.moreFindings)} more</li>}
            </ul>}
          {result.head && <p class="head-chain" title="Chain of the last line">
            {result.head}</p>}
        </div>}
    </section>
  );
}

export function Archive({route}: {route: Route}) {
  const name = route.args[0] ?? '';
  const archives = useLoad(api.archives, [], kEveryMs);
  const ends = useLoad(
      (signal) => api.frames(name, 0, 1, 1, signal), [name], kEveryMs);
  const player = usePlayer(name);
  const archive =
      archives.data?.archives?.find((one) => one.name === name);
  const first = num(ends.data?.firstSeq);
  const last = num(ends.data?.lastSeq);
  const any = (ends.data?.frames ?? []).length > 0;
  useEffect(() => {
    if (any) void player.seek(first);
  }, [any]);
  useKeys(player, first, last);
  return (
    <>
      <header class="page-head">
        <a class="button quiet icon-only" href={link('archive')}
           aria-label="All archives"><Icon name="back" /></a>
        <h1>{name}</h1>
        {archive && <ArchiveState archive={archive} />}
        {any && <span class="note">{date(ends.data?.firstTime)}{' '}
          {timeOfDay(ends.data?.firstTime)} to{' '}
          {date(ends.data?.lastTime)} {timeOfDay(ends.data?.lastTime)}</span>}
      </header>
      {archive && <ArchiveTroubles archive={archive} />}
      {ends.error && <Trouble error={ends.error} retry={ends.reload} />}
      {!ends.data && ends.loading && <Loading what={name} />}
      {ends.data && !any &&
        <Empty icon="archive" title="No frame is stored yet">
          <p>The first one comes once it has been uploaded.</p>
        </Empty>}
      {any &&
        <div class="archive">
          <div class="viewer">
            <Screen player={player} />
            {player.error && <Trouble error={player.error} />}
            <Controls player={player} first={first} last={last} />
          </div>
          <FilmStrip key={`${name} ${first}`} archive={name} first={first}
                     last={last} seq={num(player.shown?.frame.seq)}
                     choose={(seq) => void player.seek(seq)} />
          <Verify name={name} />
        </div>}
    </>
  );
}
