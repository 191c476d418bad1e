import {useEffect, useState} from 'preact/hooks';
import {api, segment, url, type LiveVideo, type TrackedFace} from '../api';
import {count, percent, seconds} from '../logic/format';
import {link, type Route} from '../logic/route';
import {useAccount, useSay} from '../parts/context';
import {ActionDialog} from '../parts/dialog';
import {describe} from '../parts/face_boxes';
import {Icon} from '../parts/icon';
import {LivePicture, type ChosenFace} from '../parts/live_picture';
import {useLoad} from '../parts/load';
import {Loading, Trouble} from '../parts/message';
import {NameFace} from '../parts/name_face';
import {VideoState, trouble} from '../parts/video_state';

const kEveryMs = 2000;
const kSide = 1280;
const kRate = 25;

function Facts({video}: {video: LiveVideo}) {
  const facts: [string, string][] = [
    ['Source', video.source ?? ''],
    ['Picture', video.width ? `${video.width} × ${video.height}` : ''],
    ['Frames a second', (video.frameRate ?? 0).toFixed(1)],
    ['Delay p50 / p99',
     `${seconds(video.latencyP50)} / ${seconds(video.latencyP99)}`],
    ['Frames in / out', `${count(video.framesIn)} / ${count(video.framesOut)}`],
    ['Left out', count(video.dropped)],
    ['Connected anew', count(video.reconnects)],
    ['Faces followed', count(video.tracks)],
    ['Effects', (video.effects ?? []).join(', ')],
    ['Sent on to', video.sink ?? ''],
  ];
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value).map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

function FacesNow({faces}: {faces: TrackedFace[]}) {
  return (
    <ul class="faces-now">
      {faces.map((tracked) => {
        const {label, kind} = describe(tracked);
        return (
          <li key={String(tracked.track)} class={kind}>
            <span>{label || 'looking …'}</span>
            {tracked.face?.person?.name &&
                <a class="note" href={link('people', tracked.face.person.name)}>
                  {percent(tracked.face.person.similarity)}</a>}
          </li>
        );
      })}
      {faces.length === 0 && <li class="note">Nobody in the picture</li>}
    </ul>
  );
}

// Arrows lead to the camera beside, Escape back to all of them.
function useKeys(name: string, videos: LiveVideo[], pause: () => void) {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (target.closest('dialog, input, textarea, select, .menu') ||
          event.altKey || event.ctrlKey || event.metaKey) {
        return;
      }
      const at = videos.findIndex((video) => video.name === name);
      const step = event.key === 'ArrowRight' ? 1 :
          event.key === 'ArrowLeft' ? -1 : 0;
      const beside = step && at >= 0 ? videos[at + step] : undefined;
      if (beside) location.hash = link('live', beside.name);
      if (event.key === 'Escape') location.hash = link('live');
      if (event.key === ' ' && !target.closest('button, a, summary')) {
        event.preventDefault();
        pause();
      }
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [name, videos, pause]);
}

export function Camera({route}: {route: Route}) {
  const name = route.args[0] ?? '';
  const videos = useLoad(api.videos, [], kEveryMs);
  const account = useAccount();
  const say = useSay();
  const [faces, setFaces] = useState<TrackedFace[]>([]);
  const [paused, setPaused] = useState(false);
  const [stopping, setStopping] = useState(false);
  const [naming, setNaming] = useState<ChosenFace|null>(null);
  const list = videos.data?.videos ?? [];
  const video = list.find((one) => one.name === name);
  useKeys(name, list, () => setPaused((old) => !old));
  const reason = video ? trouble(video) : '';
  return (
    <>
      <header class="page-head">
        <a class="button quiet icon-only" href={link('live')}
           aria-label="All cameras"><Icon name="back" /></a>
        <h1>{name}</h1>
        {video && <VideoState video={video} />}
        <span class="grow" />
        <button type="button" aria-pressed={paused}
                onClick={() => setPaused(!paused)}>
          <Icon name={paused ? 'play' : 'pause'} />
          {paused ? 'Go on' : 'Hold'}</button>
        {account.may('admin') && video &&
            <button type="button" onClick={() => setStopping(true)}>
              <Icon name="stop" />Stop</button>}
      </header>
      {videos.error && <Trouble error={videos.error} retry={videos.reload} />}
      {!videos.data && videos.loading && <Loading what={name} />}
      {videos.data && !video &&
        <p class="message">There is no video called {name} any more.{' '}
          <a href={link('live')}>All cameras</a></p>}
      {video &&
        <div class="camera">
          <div class="camera-picture">
            <LivePicture name={name} maxSide={kSide} framesASecond={kRate}
                         paused={paused} seen={setFaces}
                         choose={account.may('write') ? setNaming :
                                                        undefined}>
              {reason && <p class="stage-note">{reason}</p>}
            </LivePicture>
          </div>
          <aside>
            <section>
              <h2>In the picture</h2>
              <FacesNow faces={faces} />
              {account.may('write') && faces.length > 0 &&
                  <p class="note">Click a face to say who it is.</p>}
            </section>
            <section>
              <h2>Video</h2>
              <Facts video={video} />
              <p class="note">For other programs:{' '}
                <a href={url(`live/${segment(name)}/mjpeg`)} target="_blank"
                   rel="noreferrer">MJPEG</a>
              </p>
            </section>
          </aside>
        </div>}
      {naming && <NameFace video={name} chosen={naming}
                           close={() => setNaming(null)} />}
      {stopping &&
        <ActionDialog title={`Stop ${name}?`} action="Stop" danger
                      close={() => setStopping(false)}
                      run={async () => {
                        await api.stopVideo(name);
                        say(`${name} was stopped`);
                        location.hash = link('live');
                      }}>
          <p>It is followed no more, and what is sent on ends.{' '}
            {video?.configured &&
                'It is in the settings, so it begins again with the service.'}
          </p>
        </ActionDialog>}
    </>
  );
}
