import type {ComponentChildren} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';
import {segment, url, type LiveFrame, type TrackedFace} from '../api';
import {containRect, cropAround, type Rect} from '../logic/geometry';
import {FaceBoxes} from './face_boxes';
import {useFrameCanvas, useInView, watchLive} from './live_frames';

export interface ChosenFace {
  tracked: TrackedFace;
  picture: string;  // What it looks like, as an address; empty: not known.
}

// Cuts a face out of what is shown.
function cutOut(source: HTMLCanvasElement|HTMLImageElement|null,
                frame: LiveFrame, tracked: TrackedFace): string {
  const box = tracked.face?.box;
  const width = source instanceof HTMLImageElement ? source.naturalWidth :
                                                     source?.width ?? 0;
  if (!source || !box || !width || !frame.width) return '';
  const crop = cropAround(box, frame.width, frame.height ?? 0);
  const scale = width / frame.width;
  const target = document.createElement('canvas');
  target.width = target.height = 160;
  try {
    target.getContext('2d')?.drawImage(
        source, crop.left * scale, crop.top * scale, crop.width * scale,
        crop.height * scale, 0, 0, 160, 160);
    return target.toDataURL('image/jpeg', 0.85);
  } catch {
    return '';
  }
}

// A video with its faces, as large as its parent allows. Pictures come over
// the WebSocket together with the faces that are in them; a browser opens only
// six MJPEG streams to one server, tabs together, and then nothing else. They
// are taken where frames come without a picture.
export function LivePicture({name, maxSide, framesASecond, paused, choose,
                             seen, children}: {
  name: string,
  maxSide: number,
  framesASecond: number,
  paused?: boolean,
  choose?: ((face: ChosenFace) => void)|undefined,
  seen?: (faces: TrackedFace[]) => void,
  children?: ComponentChildren,  // Over the picture.
}) {
  const stage = useRef<HTMLDivElement>(null);
  const mjpeg = useRef<HTMLImageElement>(null);
  const inView = useInView(stage);
  const [size, setSize] = useState({width: 0, height: 0});
  const [frame, setFrame] = useState<LiveFrame|null>(null);
  const [streams, setStreams] = useState(false);
  const [connected, setConnected] = useState(true);
  const shown = (next: LiveFrame) => {
    setFrame(next);
    seen?.(next.faces ?? []);
  };
  const {canvas, show} = useFrameCanvas(shown);

  useEffect(() => {
    if (!stage.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize(entry.contentRect);
    });
    observer.observe(stage.current);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (!inView || paused) return;
    return watchLive(name, maxSide, framesASecond, (next) => {
      if (next.picture) {
        setStreams(false);
        show(next);
      } else {
        setStreams(true);
        shown(next);
      }
    }, setConnected);
  }, [name, maxSide, framesASecond, inView, paused]);

  const streaming = streams && inView && !paused;
  useEffect(() => {
    const image = mjpeg.current;
    // Leaving the document does not end the request of an image.
    return () => image?.removeAttribute('src');
  }, [streaming]);

  const rect: Rect = containRect(
      size.width, size.height, frame?.width ?? 16, frame?.height ?? 9);
  const place = {
    left: `${rect.left}px`,
    top: `${rect.top}px`,
    width: `${rect.width}px`,
    height: `${rect.height}px`,
  };
  const chosen = choose && frame ?
      (tracked: TrackedFace) => choose({
        tracked,
        picture: cutOut(streaming ? mjpeg.current : canvas.current, frame,
                        tracked),
      }) : undefined;
  return (
    <div class={frame ? 'stage' : 'stage dark'} ref={stage}>
      <div class="stage-picture" style={place}>
        <canvas ref={canvas} role="img" aria-label={`Live picture of ${name}`}
                width={0} height={0} hidden={streaming} />
        {streaming &&
            <img ref={mjpeg} alt={`Live picture of ${name}`}
                 src={url(`live/${segment(name)}/mjpeg`,
                          {max_side: maxSide})} />}
        {frame &&
            <FaceBoxes faces={frame.faces ?? []} width={frame.width ?? 0}
                       height={frame.height ?? 0} choose={chosen} />}
      </div>
      {!connected && <p class="stage-note">No pictures come; trying again …</p>}
      {children}
    </div>
  );
}
