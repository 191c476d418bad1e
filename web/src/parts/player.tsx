import {useCallback, useEffect, useRef, useState} from 'preact/hooks';
import {api, type ArchivedFrame, type FrameList} from '../api';
import {num} from '../logic/format';
import {nextShown} from '../logic/timeline';

const kPage = 200;   // Frames whose facts are asked for at a time.
const kAhead = 6;    // Pictures that are fetched before they are due.
const kKept = 64;    // Pictures in memory.
const kSide = 1280;
const kLateMs = 250;  // So late, the pace begins anew.

// Frames around the one that is shown, and their pictures.
class Reel {
  frames: ArchivedFrame[] = [];
  more = true;
  private pictures = new Map<string, HTMLImageElement>();
  private loading: Promise<void>|null = null;

  constructor(
      private readonly archive: string, readonly from: number,
      private readonly signal: AbortSignal) {}

  // Asks for the next frames unless that is under way.
  grow(): Promise<void> {
    if (!this.more || this.signal.aborted) return Promise.resolve();
    this.loading ??= this.load().finally(() => { this.loading = null; });
    return this.loading;
  }

  private async load() {
    const last = this.frames[this.frames.length - 1];
    const page: FrameList = await api.frames(
        this.archive, last ? num(last.seq) + 1 : this.from, kPage, 1,
        this.signal);
    const frames = (page.frames ?? []).filter((frame) => !frame.dropped);
    this.frames.push(...frames);
    this.more = !!page.more && (page.frames ?? []).length > 0;
    if (this.more && frames.length === 0) await this.load();
  }

  picture(frame: ArchivedFrame): HTMLImageElement {
    const key = String(frame.seq ?? 0);
    let image = this.pictures.get(key);
    if (!image) {
      image = new Image();
      image.decoding = 'async';
      image.src = api.framePicture(this.archive, frame.seq ?? 0, kSide);
      this.pictures.set(key, image);
      const oldest = this.pictures.keys().next().value;
      if (this.pictures.size > kKept && oldest !== undefined) {
        this.pictures.delete(oldest);
      }
    }
    return image;
  }

  ready(frame: ArchivedFrame): boolean {
    return this.picture(frame).complete;
  }
}

// What a person sees of an archive: one frame, at rest or at the pace at which
// it was recorded. The picture is drawn by whoever takes `image`.
export function usePlayer(archive: string) {
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const [shown, setShown] =
      useState<{frame: ArchivedFrame, image: HTMLImageElement}|null>(null);
  const [error, setError] = useState<Error|null>(null);
  const reel = useRef<Reel|null>(null);
  const index = useRef(0);
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);

  const show = useCallback((current: Reel, at: number, pace = 1) => {
    const frame = current.frames[at];
    if (!frame) return;
    index.current = at;
    setShown({frame, image: current.picture(frame)});
    let ahead = at;
    for (let count = 0; count < kAhead; ++count) {
      const next = nextShown(current.frames, ahead, pace);
      if (!next) break;
      ahead = next.index;
      current.picture(current.frames[ahead]!);
    }
    if (ahead + kPage / 2 > current.frames.length) {
      current.grow().catch(() => {});
    }
  }, []);

  const seek = useCallback(async (seq: number) => {
    abort.current.abort();
    abort.current = new AbortController();
    const {signal} = abort.current;
    const old = reel.current;
    const at = old?.frames.findIndex((frame) => num(frame.seq) === seq) ?? -1;
    // Frames that were fetched before are not asked for again.
    const next = new Reel(archive, at >= 0 ? old!.from : seq, signal);
    if (old && at >= 0) {
      next.frames = old.frames;
      next.more = old.more;
    }
    reel.current = next;
    setError(null);
    try {
      if (at < 0) await next.grow();
      if (!signal.aborted) show(next, Math.max(at, 0));
    } catch (caught) {
      if (!signal.aborted) setError(caught as Error);
    }
  }, [archive, show]);

  // By so many frames; before the first one known, by their numbers.
  const step = useCallback(async (by: number) => {
    const current = reel.current;
    if (!current) return;
    const to = index.current + by;
    if (to < 0) {
      const seq = num(current.frames[index.current]?.seq) + by;
      return seek(Math.max(0, seq));
    }
    if (to >= current.frames.length) await current.grow().catch(() => {});
    show(current, Math.min(to, current.frames.length - 1));
  }, [seek, show]);

  useEffect(() => {
    if (!playing) return;
    let since = performance.now();  // When the frame shown was due.
    let request = 0;
    const tick = (now: number) => {
      request = requestAnimationFrame(tick);
      const current = reel.current;
      if (!current) return;
      const next = nextShown(current.frames, index.current, speed);
      if (!next) {
        if (!current.more) setPlaying(false);
        since = now;
        return;
      }
      // Rather late than with frames missing.
      if (now - since < next.wait ||
          !current.ready(current.frames[next.index]!)) {
        return;
      }
      since = now - since - next.wait > kLateMs ? now : since + next.wait;
      show(current, next.index, speed);
    };
    request = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(request);
  }, [playing, speed, show]);

  return {playing, setPlaying, speed, setSpeed, shown, error, seek, step};
}

export type Player = ReturnType<typeof usePlayer>;
