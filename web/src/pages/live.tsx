import {useState} from 'preact/hooks';
import {api, type LiveVideo} from '../api';
import {link} from '../logic/route';
import {plural} from '../logic/format';
import {useAccount, useSay} from '../parts/context';
import {ActionDialog} from '../parts/dialog';
import {moveInGrid} from '../parts/grid_keys';
import {Icon} from '../parts/icon';
import {LivePicture, type ChosenFace} from '../parts/live_picture';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';
import {NameFace} from '../parts/name_face';
import {VideoState, trouble} from '../parts/video_state';

const kEveryMs = 3000;
const kTileSide = 640;
const kTileRate = 10;

function StartVideo({close, started}:
    {close: () => void, started: () => void}) {
  const [name, setName] = useState('');
  const [source, setSource] = useState('');
  const [effects, setEffects] = useState('');
  const [sink, setSink] = useState('');
  const [repeat, setRepeat] = useState(false);
  const say = useSay();
  return (
    <ActionDialog title="Follow a video" action="Start" close={close}
                  disabled={!name.trim() || !source.trim()}
                  run={async () => {
                    await api.startVideo({
                      name: name.trim(),
                      source: source.trim(),
                      effects: effects.split('\n').map((one) => one.trim())
                          .filter(Boolean),
                      sink: sink.trim(),
                      repeat,
                    });
                    say(`${name.trim()} is starting`);
                    started();
                  }}>
      <label class="field"><span>Name</span>
        <input value={name} maxLength={100} placeholder="door" required
               autocomplete="off"
               onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field"><span>Camera or video</span>
        <input value={source} placeholder="rtsp://camera.local/stream" required
               autocomplete="off" spellcheck={false}
               onInput={(event) => setSource(event.currentTarget.value)} />
        <small>An address, a device or a file of the server.</small>
      </label>
      <label class="check">
        <input type="checkbox" checked={repeat}
               onChange={(event) => setRepeat(event.currentTarget.checked)} />
        A file begins again at its end
      </label>
      <details>
        <summary>Effects and output</summary>
        <label class="field"><span>Effects, one a line</span>
          <textarea rows={2} value={effects} placeholder="anonymize"
                    spellcheck={false}
                    onInput={(event) => setEffects(event.currentTarget.value)} />
        </label>
        <label class="field"><span>Send on to</span>
          <input value={sink} placeholder="rtmp://host/live/door"
                 autocomplete="off" spellcheck={false}
                 onInput={(event) => setSink(event.currentTarget.value)} />
        </label>
      </details>
    </ActionDialog>
  );
}

function Tile({video, choose}: {
  video: LiveVideo,
  choose: ((face: ChosenFace) => void)|undefined,
}) {
  const [seen, setSeen] = useState(0);
  const reason = trouble(video);
  const open = () => { location.hash = link('live', video.name); };
  return (
    <li class="tile">
      <div class="tile-picture" onClick={open}>
        <LivePicture name={video.name} maxSide={kTileSide}
                     framesASecond={kTileRate} choose={choose}
                     seen={(faces) => setSeen(faces.length)}>
          {reason && <p class="stage-note">{reason}</p>}
        </LivePicture>
      </div>
      <a class="tile-line" href={link('live', video.name)} data-cell>
        <strong>{video.name}</strong>
        <span class="note">{video.state === 'running' ?
            plural(seen, 'face') : ''}</span>
        <VideoState video={video} />
      </a>
    </li>
  );
}

export function Live() {
  const videos = useLoad(api.videos, [], kEveryMs);
  const account = useAccount();
  const [starting, setStarting] = useState(false);
  const [naming, setNaming] =
      useState<{video: string, face: ChosenFace}|null>(null);
  const list = videos.data?.videos ?? [];
  return (
    <>
      <header class="page-head">
        <h1>Live</h1>
        {list.length > 0 &&
            <span class="note">{plural(list.length, 'video')}</span>}
        <span class="grow" />
        {account.may('admin') &&
            <button type="button" onClick={() => setStarting(true)}>
              <Icon name="plus" />Follow a video</button>}
      </header>
      {videos.error && <Trouble error={videos.error} retry={videos.reload} />}
      {!videos.data && videos.loading && <Loading what="the cameras" />}
      {videos.data && list.length === 0 &&
        <Empty icon="live" title="No cameras yet">
          <p>Add one to <code>ocelli.toml</code> and start the service with{' '}
            <code>ocelli serve --config ocelli.toml</code>:</p>
          <pre>{'[camera.door]\nsource = "rtsp://camera.local/stream"'}</pre>
          {account.may('admin') &&
              <p>Or follow a video now, until the service ends.</p>}
        </Empty>}
      <ul class="tiles" onKeyDown={moveInGrid}
          data-few={list.length === 1 ? '' : undefined}>
        {list.map((video) => (
          <Tile key={video.name} video={video}
                choose={account.may('write') ?
                    (face) => setNaming({video: video.name, face}) :
                    undefined} />
        ))}
      </ul>
      {starting && <StartVideo close={() => setStarting(false)}
                               started={videos.reload} />}
      {naming && <NameFace video={naming.video} chosen={naming.face}
                           close={() => setNaming(null)} />}
    </>
  );
}
