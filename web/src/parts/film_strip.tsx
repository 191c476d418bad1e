import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {api, type ArchivedFrame} from '../api';
import {num, timeOfDay} from '../logic/format';
import {nextFrom, zoomSteps} from '../logic/timeline';
import {moveInGrid} from './grid_keys';
import {Icon} from './icon';
import {Trouble} from './message';

const kOverview = 60;  // Pictures that show the whole of an archive.
const kPage = 60;
const kThumbnailSide = 160;

function Thumbnail({archive, frame, current, choose}: {
  archive: string,
  frame: ArchivedFrame,
  current: boolean,
  choose: () => void,
}) {
  const time = timeOfDay(frame.time);
  return (
    <li class={current ? 'current' : ''}>
      <button type="button" data-cell onClick={choose} tabIndex={current ? 0 : -1}
              aria-label={`Frame ${frame.seq ?? 0}, ${time}`}
              aria-current={current ? 'true' : undefined}>
        {frame.dropped ? <span class="picture letters">dropped</span> :
            <img class="picture" loading="lazy" decoding="async" alt=""
                 src={api.framePicture(archive, frame.seq ?? 0,
                                       kThumbnailSide)} />}
        <span>{time}</span>
      </button>
    </li>
  );
}

// Frames as they follow on each other, from the first on; more come as it is
// scrolled. The zoom says how many are passed over.
export function FilmStrip({archive, first, last, seq, choose}: {
  archive: string,
  first: number,
  last: number,
  seq: number,
  choose: (seq: number) => void,
}) {
  const steps = useMemo(() => zoomSteps(first, last, kOverview), [first]);
  const [zoom, setZoom] = useState(0);
  const [start, setStart] = useState(first);
  const [frames, setFrames] = useState<ArchivedFrame[]>([]);
  const [from, setFrom] = useState(first);
  const [error, setError] = useState<Error|null>(null);
  const strip = useRef<HTMLUListElement>(null);
  const end = useRef<HTMLLIElement>(null);
  const step = steps[Math.min(zoom, steps.length - 1)] ?? 1;

  const change = (to: number) => {
    const finer = steps[to] ?? 1;
    // A finer strip begins a little before what is shown.
    const begin = to === 0 ? first :
        Math.max(first, seq - Math.floor(kPage / 4) * finer);
    setZoom(to);
    setFrames([]);
    setStart(begin);
    setFrom(begin);
  };

  useEffect(() => {
    if (from < 0 || !end.current) return;
    const abort = new AbortController();
    const observer = new IntersectionObserver(async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      try {
        const page = await api.frames(archive, from, kPage, step, abort.signal);
        if (abort.signal.aborted) return;
        setError(null);
        setFrames((old) => [...old, ...page.frames ?? []]);
        setFrom(nextFrom(page, step));
      } catch (caught) {
        if (!abort.signal.aborted) setError(caught as Error);
      }
    }, {root: strip.current, rootMargin: '0px 400px'});
    observer.observe(end.current);
    return () => {
      observer.disconnect();
      abort.abort();
    };
  }, [archive, from, step, start]);

  // What was archived meanwhile follows.
  useEffect(() => {
    const newest = frames[frames.length - 1];
    if (from < 0 && newest && num(newest.seq) + step <= last) {
      setFrom(num(newest.seq) + step);
    }
  }, [last]);

  // The last one that is not after the frame that is shown.
  let current = -1;
  frames.forEach((frame, at) => { if (num(frame.seq) <= seq) current = at; });
  useEffect(() => {
    const list = strip.current;
    const cell = list?.children[current] as HTMLElement|undefined;
    if (!list || !cell) return;
    const left = cell.offsetLeft - list.offsetLeft;
    if (left < list.scrollLeft ||
        left + cell.offsetWidth > list.scrollLeft + list.clientWidth) {
      list.scrollLeft = left - list.clientWidth / 2;
    }
  }, [current]);

  return (
    <div class="film">
      <div class="film-head">
        <h2>Time line</h2>
        <span class="note">{step === 1 ? 'every frame' :
            `one of ${step} frames`}</span>
        <span class="grow" />
        <button type="button" class="quiet icon-only" disabled={zoom === 0}
                aria-label="Fewer frames" onClick={() => change(zoom - 1)}>
          <Icon name="zoomOut" /></button>
        <button type="button" class="quiet icon-only" aria-label="More frames"
                disabled={zoom >= steps.length - 1}
                onClick={() => change(zoom + 1)}>
          <Icon name="zoomIn" /></button>
      </div>
      {error && <Trouble error={error} retry={() => change(zoom)} />}
      <ul ref={strip} class="strip" onKeyDown={(event) => {
        if (event.key.startsWith('Arrow') || event.key === 'Home' ||
            event.key === 'End') {
          event.stopPropagation();
        }
        moveInGrid(event);
      }}>
        {frames.map((frame, at) => (
          <Thumbnail key={String(frame.seq ?? 0)} archive={archive}
                     frame={frame} current={at === Math.max(current, 0)}
                     choose={() => choose(num(frame.seq))} />
        ))}
        {from >= 0 && <li ref={end} class="strip-end" key="end"
                          aria-hidden="true" />}
      </ul>
    </div>
  );
}
