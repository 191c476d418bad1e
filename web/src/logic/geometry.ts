import type {Box} from '../api';

export interface Rect {
  left: number;
  top: number;
  width: number;
  height: number;
}

// Where a picture is within a stage that shows all of it, in the stage's
// pixels.
export function containRect(
    stageWidth: number, stageHeight: number, width: number,
    height: number): Rect {
  if (!(width > 0 && height > 0 && stageWidth > 0 && stageHeight > 0)) {
    return {left: 0, top: 0, width: stageWidth, height: stageHeight};
  }
  const scale = Math.min(stageWidth / width, stageHeight / height);
  const size = {width: width * scale, height: height * scale};
  return {
    left: (stageWidth - size.width) / 2,
    top: (stageHeight - size.height) / 2,
    ...size,
  };
}

const clamp = (value: number) => Math.min(Math.max(value, 0), 1);

// A box in per cent of its picture, cut at its edges; null: nothing is left.
export function boxInPercent(
    box: Box|undefined, width: number, height: number): Rect|null {
  if (!box || !(width > 0 && height > 0)) return null;
  const x = box.x ?? 0;
  const y = box.y ?? 0;
  const left = clamp(x / width);
  const top = clamp(y / height);
  const right = clamp((x + (box.width ?? 0)) / width);
  const bottom = clamp((y + (box.height ?? 0)) / height);
  if (!(right > left && bottom > top)) return null;
  return {
    left: left * 100,
    top: top * 100,
    width: (right - left) * 100,
    height: (bottom - top) * 100,
  };
}

// A square around a box with some of what is beside it, within the picture.
export function cropAround(box: Box, width: number, height: number): Rect {
  const middleX = (box.x ?? 0) + (box.width ?? 0) / 2;
  const middleY = (box.y ?? 0) + (box.height ?? 0) / 2;
  const side = Math.min(
      1.4 * Math.max(box.width ?? 0, box.height ?? 0), width, height);
  return {
    left: Math.min(Math.max(middleX - side / 2, 0), width - side),
    top: Math.min(Math.max(middleY - side / 2, 0), height - side),
    width: side,
    height: side,
  };
}

export type Direction = 'ArrowLeft'|'ArrowRight'|'ArrowUp'|'ArrowDown';

// The cell that an arrow key leads to from `from`; -1: there is none.
export function neighbour(
    cells: Rect[], from: number, direction: Direction): number {
  const here = cells[from];
  if (!here) return -1;
  const across = direction === 'ArrowLeft' || direction === 'ArrowRight';
  const sign = direction === 'ArrowLeft' || direction === 'ArrowUp' ? -1 : 1;
  if (across) {
    // On to the next line at the end of one, as in a text.
    const next = from + sign;
    return next >= 0 && next < cells.length ? next : -1;
  }
  let best = -1;
  let least = Infinity;
  cells.forEach((cell, index) => {
    const down = (cell.top - here.top) * sign;
    if (down <= here.height / 2) return;
    const cost = down * 1e3 +
        Math.abs(cell.left + cell.width / 2 - here.left - here.width / 2);
    if (cost < least) {
      least = cost;
      best = index;
    }
  });
  return best;
}
