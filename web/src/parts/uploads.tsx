import {createContext} from 'preact';
import {useContext, useEffect, useRef, useState} from 'preact/hooks';
import {ApiError, api, type Analysis} from '../api';
import {plural} from '../logic/format';
import {forEachOf} from '../logic/pool';
import {Dialog} from './dialog';
import {FaceBoxes, asTracked} from './face_boxes';
import {Icon} from './icon';
import {errorText} from './message';

export interface Upload {
  id: number;
  file: File;
  person: string;
  state: 'waiting'|'sending'|'done'|'failed';
  error?: string;
  analysis?: Analysis;  // Several faces: one is to be chosen.
}

const kAtATime = 3;
const kTellMs = 400;
const kShownMs = 8000;  // That all went well.
let lastId = 0;

// Photos that are enrolled, so many at a time, whatever page is looked at.
export function useUploads() {
  const [uploads, setUploads] = useState<Upload[]>([]);
  // Grows when people have changed; not with each of many photos.
  const [enrolled, setEnrolled] = useState(0);
  const timer = useRef(0);
  const abort = useRef(new AbortController());
  const changed = () => {
    timer.current ||= window.setTimeout(() => {
      timer.current = 0;
      setEnrolled((old) => old + 1);
    }, kTellMs);
  };
  const busy = uploads.some(
      (one) => one.state === 'waiting' || one.state === 'sending');
  useEffect(() => {
    if (!busy) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [busy]);
  const change = (id: number, to: Partial<Upload>) => setUploads(
      (old) => old.map((one) => one.id === id ? {...one, ...to} : one));

  const send = async (upload: Upload, face = 0) => {
    const {signal} = abort.current;
    if (signal.aborted) return;
    const {error: _error, analysis: _analysis, ...plain} = upload;
    setUploads((old) => old.map(
        (one) => one.id === upload.id ? {...plain, state: 'sending'} : one));
    try {
      await api.enrol(upload.person, upload.file, upload.file.name, face,
                      signal);
      change(upload.id, {state: 'done'});
      changed();
    } catch (error) {
      if (signal.aborted) return;
      change(upload.id, {state: 'failed', error: errorText(error as Error)});
      const status = error instanceof ApiError ? error.status : 0;
      if (face || status < 400 || status >= 500 || status === 401 ||
          status === 403 || status === 429) {
        return;
      }
      const seen = await api.recognize(upload.file, signal).catch(() => null);
      const faces = seen?.analysis?.faces ?? [];
      if (seen?.analysis && faces.length > 1) {
        change(upload.id, {analysis: seen.analysis});
      }
    }
  };
  const add = (files: File[], person: string) => {
    const more = files.map((file): Upload => (
        {id: ++lastId, file, person, state: 'waiting'}));
    setUploads((old) => [...old.filter((one) => one.state !== 'done'),
                         ...more]);
    return forEachOf(more, kAtATime, (upload) => send(upload));
  };
  const clear = () => {
    abort.current.abort();
    abort.current = new AbortController();
    setUploads([]);
  };
  return {uploads, busy, enrolled, add, send, clear};
}

export type Uploads = ReturnType<typeof useUploads>;
export const UploadsContext = createContext<Uploads|null>(null);

// Of the page around; `changed` is called when somebody was enrolled.
export function useEnrolling(changed: () => void) {
  const uploads = useContext(UploadsContext)!;
  const seen = useRef(uploads.enrolled);
  useEffect(() => {
    if (seen.current !== uploads.enrolled) changed();
    seen.current = uploads.enrolled;
  }, [uploads.enrolled]);
  return uploads.add;
}

function ChooseFace({upload, choose, close}: {
  upload: Upload,
  choose: (face: number) => void,
  close: () => void,
}) {
  const [address, setAddress] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(upload.file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [upload.file]);
  const analysis = upload.analysis!;
  return (
    <Dialog title={`Which one is ${upload.person}?`} close={close} wide>
      <div class="choose-face">
        <div class="choose-picture">
          {address && <img src={address} alt={upload.file.name} />}
          <FaceBoxes faces={asTracked(analysis.faces ?? [])}
                     width={analysis.width ?? 0} height={analysis.height ?? 0}
                     spell={(face) => `Face ${face.track} from the left`}
                     choose={(face) => choose(Number(face.track))} />
        </div>
      </div>
    </Dialog>
  );
}

export function UploadPanel({uploads}: {uploads: Uploads}) {
  const [choosing, setChoosing] = useState<Upload|null>(null);
  const all = uploads.uploads;
  const allDone = all.length > 0 && all.every((one) => one.state === 'done');
  useEffect(() => {
    if (!allDone) return;
    const timer = setTimeout(uploads.clear, kShownMs);
    return () => clearTimeout(timer);
  }, [allDone]);
  if (all.length === 0) return null;
  const done = all.filter((one) => one.state === 'done').length;
  const failed = all.filter((one) => one.state === 'failed');
  const {busy} = uploads;
  return (
    <section class="panel uploads" aria-label="Photos being enrolled">
      <header>
        <h2>{busy ? `Enrolling ${plural(all.length, 'photo')}` :
                    `${plural(done, 'photo')} enrolled`}
          {failed.length > 0 && <span class="bad">, {failed.length} not</span>}
        </h2>
        <button type="button" class={busy ? 'small' : 'quiet icon-only'}
                aria-label={busy ? 'Cancel the upload' : 'Close'}
                onClick={uploads.clear}>
          {busy ? 'Cancel' : <Icon name="close" />}</button>
      </header>
      <progress max={all.length} value={done + failed.length}
                aria-label="Photos done" />
      <ul>
        {failed.map((one) => (
          <li key={one.id}>
            <strong>{one.file.name}</strong>
            <span>{one.analysis ?
                `${plural(one.analysis.faces?.length, 'face')} in this photo` :
                one.error}</span>
            {one.analysis ?
                <button type="button" class="small"
                        onClick={() => setChoosing(one)}>Choose one</button> :
                <button type="button" class="small"
                        onClick={() => uploads.send(one)}>Try again</button>}
          </li>
        ))}
      </ul>
      {choosing &&
          <ChooseFace upload={choosing} close={() => setChoosing(null)}
                      choose={(face) => {
                        setChoosing(null);
                        uploads.send(choosing, face);
                      }} />}
    </section>
  );
}
