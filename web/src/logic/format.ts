import type {Int64} from '../api';

// A 64-bit integer of the service, as far as a double holds it.
export function num(value: Int64|undefined): number {
  const number = Number(value ?? 0);
  return Number.isFinite(number) ? number : 0;
}

export function count(value: Int64|undefined): string {
  return num(value).toLocaleString('en');
}

// "1 face", "2 faces".
export function plural(value: Int64|undefined, one: string, many?: string) {
  return `${count(value)} ${num(value) === 1 ? one : many ?? one + 's'}`;
}

export function bytes(value: Int64|undefined): string {
  let size = num(value);
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (size < 999.5 || unit === 'TB') {
      return `${size < 9.95 && unit !== 'B' ? size.toFixed(1) : Math.round(size)} ${unit}`;
    }
    size /= 1000;
  }
  return '';
}

// A short time, given in seconds: "340 µs", "3.4 ms", "1.2 s".
export function seconds(value: number|undefined): string {
  const time = value ?? 0;
  if (!(time > 0)) return '0';
  if (time < 999.5e-6) return `${Math.round(time * 1e6)} µs`;
  if (time < 9.95e-3) return `${(time * 1e3).toFixed(1)} ms`;
  if (time < 0.9995) return `${Math.round(time * 1e3)} ms`;
  return time < 9.95 ? `${time.toFixed(1)} s` : `${Math.round(time)} s`;
}

// A long one: "42 s", "5 min", "3 h 20 min", "4 d 2 h".
export function span(value: number): string {
  const time = Math.max(0, Math.floor(value));
  if (time < 60) return `${time} s`;
  if (time < 3600) return `${Math.floor(time / 60)} min`;
  const [big, small, ...units] = time < 86400 ?
      [Math.floor(time / 3600), Math.floor((time % 3600) / 60), 'h', 'min'] :
      [Math.floor(time / 86400), Math.floor((time % 86400) / 3600), 'd', 'h'];
  return small ? `${big} ${units[0]} ${small} ${units[1]}` :
                 `${big} ${units[0]}`;
}

export function ago(time: string|undefined, now: number): string {
  const at = Date.parse(time ?? '');
  if (Number.isNaN(at)) return 'never';
  const passed = (now - at) / 1000;
  return passed < 5 ? 'just now' : `${span(passed)} ago`;
}

const day = new Intl.DateTimeFormat(
    undefined, {year: 'numeric', month: 'short', day: 'numeric'});
const kClock = {hour: '2-digit', minute: '2-digit', second: '2-digit'} as const;
const clock = new Intl.DateTimeFormat(undefined, kClock);
const exactClock =
    new Intl.DateTimeFormat(undefined, {...kClock, fractionalSecondDigits: 3});

export function date(time: string|undefined): string {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? '' : day.format(at);
}

// The time of day, to the second or the millisecond.
export function timeOfDay(time: string|undefined, exact = false): string {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? '' : (exact ? exactClock : clock).format(at);
}

export function percent(value: number|undefined): string {
  return `${Math.round((value ?? 0) * 100)} %`;
}

// A cosine as people read it; 1 only for what is 1.
export function similarity(value: number|undefined): string {
  const cosine = value ?? 0;
  return cosine < 1 && cosine >= 0.9995 ? '0.999' : cosine.toFixed(3);
}

// "AL" for "Ada Lovelace": stands in for a picture.
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0]!, words[words.length - 1]!] : words;
  return ends.map((word) => [...word][0]!.toUpperCase()).join('') || '?';
}
