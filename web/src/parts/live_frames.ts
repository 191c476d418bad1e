import {useEffect, useRef, useState} from 'preact/hooks';
import {segment, socketUrl, type LiveFrame} from '../api';

const kFirstWaitMs = 1000;
const kLastWaitMs = 15000;

// A frame with its picture, where one came along.
export interface ShownFrame extends LiveFrame {
  picture: Blob|null;
}

// A text message is the JSON of a LiveFrame. A binary one is the length of
// that (4 bytes, the first the highest), it, and the JPEG.
function readFrame(data: string|ArrayBuffer): ShownFrame {
  if (typeof data === 'string') return {...JSON.parse(data), picture: null};
  const length = new DataView(data).getUint32(0);
  const json = new TextDecoder().decode(new Uint8Array(data, 4, length));
  const picture = new Blob([data.slice(4 + length)], {type: 'image/jpeg'});
  return {...JSON.parse(json), picture};
}

// The frames of a video as they come, over a connection that is made anew when
// it breaks, until the returned function is called.
export function watchLive(
    name: string, maxSide: number, framesASecond: number,
    take: (frame: ShownFrame) => void,
    connected: (is: boolean) => void): () => void {
  let socket: WebSocket|null = null;
  let timer = 0;
  let wait = kFirstWaitMs;
  let ended = false;
  const open = () => {
    socket = new WebSocket(socketUrl(`live/${segment(name)}/events`, {
      pictures: true,
      max_side: maxSide,
      frames_a_second: framesASecond,
    }));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => {
      wait = kFirstWaitMs;
      connected(true);
      try {
        take(readFrame(event.data));
      } catch {
        // Not a frame: the next one will do.
      }
    };
    socket.onclose = () => {
      if (ended) return;
      connected(false);
      timer = window.setTimeout(open, wait);
      wait = Math.min(wait * 2, kLastWaitMs);
    };
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    const last = socket;
    if (!last) return;
    last.onmessage = null;
    // The browser complains of one that is closed while it is being opened.
    if (last.readyState === WebSocket.CONNECTING) {
      last.onopen = () => last.close();
    } else {
      last.close();
    }
  };
}

// Whether an element is to be seen: in the window, on a page in front.
export function useInView(element: {current: Element|null}): boolean {
  const [inWindow, setInWindow] = useState(false);
  const [inFront, setInFront] = useState(!document.hidden);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver(
        (entries) => setInWindow(!!entries[entries.length - 1]?.isIntersecting),
        {rootMargin: '100px'});
    observer.observe(element.current);
    const turned = () => setInFront(!document.hidden);
    document.addEventListener('visibilitychange', turned);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', turned);
    };
  }, []);
  return inWindow && inFront;
}

// Draws pictures in their order, the newest where they come too fast, and
// tells which one is to be seen now.
export function useFrameCanvas(drawn: (frame: ShownFrame) => void) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useRef<{busy: boolean, next: ShownFrame|null}>(
      {busy: false, next: null});
  const draw = async (frame: ShownFrame) => {
    const image = await createImageBitmap(frame.picture!);
    const target = canvas.current;
    if (target) {
      if (target.width !== image.width || target.height !== image.height) {
        target.width = image.width;
        target.height = image.height;
      }
      target.getContext('2d')?.drawImage(image, 0, 0);
      drawn(frame);
    }
    image.close();
  };
  const show = async (frame: ShownFrame) => {
    const work = state.current;
    work.next = frame;
    if (work.busy) return;
    work.busy = true;
    while (work.next) {
      const newest: ShownFrame = work.next;
      work.next = null;
      // A damaged picture costs itself only.
      await draw(newest).catch(() => {});
    }
    work.busy = false;
  };
  return {canvas, show};
}
