import type {ArchivedFrame, FrameList} from '../api';
import {num} from './format';

// Each how many frames, so that `most` pictures show the whole of an archive.
export function stepFor(first: number, last: number, most: number): number {
  return Math.max(1, Math.ceil((last - first + 1) / Math.max(1, most)));
}

// The steps from the overview down to every frame, for a zoom.
export function zoomSteps(first: number, last: number, most: number): number[] {
  const steps = [stepFor(first, last, most)];
  while (steps[steps.length - 1]! > 1) {
    steps.push(Math.max(1, Math.floor(steps[steps.length - 1]! / 4)));
  }
  return steps;
}

// From where the frames after a page go on; -1: that was all.
export function nextFrom(page: FrameList, step: number): number {
  const frames = page.frames ?? [];
  if (!page.more || frames.length === 0) return -1;
  return num(frames[frames.length - 1]!.seq) + Math.max(1, step);
}

const kLongestWaitMs = 2000;
const kUnknownPaceMs = 100;
const kLeastShownMs = 40;  // Nobody sees more.

// Media time decides; across runs, whose media times begin anew, the clock.
export function millisecondsBetween(
    frame: ArchivedFrame, next: ArchivedFrame): number {
  const media = (num(next.ptsUs) - num(frame.ptsUs)) / 1000;
  if (frame.run === next.run && media > 0) return media;
  const wall = Date.parse(next.time ?? '') - Date.parse(frame.time ?? '');
  return wall > 0 ? wall : kUnknownPaceMs;
}

// How long a frame stays before the next, at a speed. A gap is not waited out.
export function waitFor(
    frame: ArchivedFrame, next: ArchivedFrame, speed: number): number {
  return Math.min(millisecondsBetween(frame, next) / speed, kLongestWaitMs);
}

// The frame to show after the one at `from`, and how long from one to the
// other: at a high speed most are passed over. Null: there is none yet.
export function nextShown(
    frames: ArchivedFrame[], from: number,
    speed: number): {index: number; wait: number}|null {
  let index = from;
  let wait = 0;
  while (index + 1 < frames.length && wait < kLeastShownMs) {
    const more = waitFor(frames[index]!, frames[index + 1]!, speed);
    if (index > from && wait + more > kLeastShownMs) break;
    wait += more;
    ++index;
  }
  return index > from ? {index, wait} : null;
}
