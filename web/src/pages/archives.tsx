import {api, type ArchiveSummary} from '../api';
import {ago, bytes, count, num, plural} from '../logic/format';
import {link} from '../logic/route';
import {moveInGrid} from '../parts/grid_keys';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';
import {Icon} from '../parts/icon';

const kEveryMs = 3000;

const kStates: Record<string, string> = {
  running: 'running',
  finished: 'ended',
  stopped: 'ended',
  failed: 'failed',
  killed: 'failed',
};

export function ArchiveState({archive}: {archive: ArchiveSummary}) {
  const state = archive.state || (archive.running ? 'running' : 'stopped');
  return <span class={`state state-${kStates[state] ?? 'waiting'}`}>{state}</span>;
}

export function ArchiveTroubles({archive}: {archive: ArchiveSummary}) {
  return (
    <>
      {[archive.error, archive.trouble].filter(Boolean).map((text) => (
        <p key={text} class="warn-line"><Icon name="warning" />{text}</p>
      ))}
    </>
  );
}

function Row({archive}: {archive: ArchiveSummary}) {
  const dropped = num(archive.dropped);
  return (
    <li class="row">
      <a href={link('archive', archive.name)} data-cell>
        <span class="row-head">
          <strong>{archive.name}</strong>
          <ArchiveState archive={archive} />
          <span class="grow" />
          <span class="note">{ago(archive.updated, Date.now())}</span>
        </span>
        <span class="row-facts">
          <span>{plural(archive.frames, 'frame')}</span>
          {num(archive.waiting) > 0 &&
              <span>{count(archive.waiting)} to be uploaded,{' '}
                {bytes(archive.spoolBytes)}</span>}
          {dropped > 0 && <span class="warn">{count(dropped)} dropped</span>}
          <span class="note">{archive.source} → {archive.root}</span>
        </span>
      </a>
      <ArchiveTroubles archive={archive} />
    </li>
  );
}

export function Archives() {
  const archives = useLoad(api.archives, [], kEveryMs);
  const list = archives.data?.archives ?? [];
  return (
    <>
      <header class="page-head">
        <h1>Archive</h1>
        {list.length > 0 && <span class="note">{list.length}</span>}
      </header>
      {archives.error &&
          <Trouble error={archives.error} retry={archives.reload} />}
      {!archives.data && archives.loading && <Loading what="the archives" />}
      {archives.data && list.length === 0 &&
        <Empty icon="archive" title="Nothing is archived yet">
          <p>Keep the frames of a camera, in a folder or in S3:</p>
          <pre>ocelli archive rtsp://camera.local/stream --to s3://bucket/door --fps 2</pre>
        </Empty>}
      <ul class="rows" onKeyDown={moveInGrid}>
        {list.map((archive) => <Row key={archive.name} archive={archive} />)}
      </ul>
    </>
  );
}
