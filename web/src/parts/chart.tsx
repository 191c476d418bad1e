import {useEffect, useRef, useState} from 'preact/hooks';
import type uPlot from 'uplot';

export interface Line {
  label: string;
  values: (number|null)[];
  dashed?: boolean;
}

const kHeight = 96;
const kLeastSeconds = 60;  // Of time, also where less is known.

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name)
      .trim();
}

function options(width: number, lines: Line[], format: (v: number) => string,
                 most: number|undefined): uPlot.Options {
  const text = colour('--muted');
  const grid = {stroke: colour('--line'), width: 1};
  const axis = {stroke: text, grid, ticks: {show: false}, font: '11px system-ui'};
  const strokes = [colour('--accent'), colour('--second')];
  return {
    width,
    height: kHeight,
    legend: {show: false},
    cursor: {show: false},
    padding: [6, 4, 0, 0],
    scales: {
      y: {
        range: (_plot, _low, high) => [0, most ?? Math.max(high * 1.15, 1)],
      },
    },
    axes: [
      {...axis, size: 20, space: 70},
      {
        ...axis,
        size: 52,
        space: 26,
        values: (_plot, ticks) => ticks.map(format),
      },
    ],
    series: [
      {},
      ...lines.map((line, at) => ({
        stroke: strokes[at % strokes.length]!,
        width: 1.5,
        points: {show: false},
        ...(line.dashed ? {dash: [4, 3]} : {}),
        ...(at === 0 ? {fill: colour('--accent-faint')} : {}),
      })),
    ],
  };
}

// Values over the last minutes, the newest in words above.
export function Chart({title, times, lines, format, most}: {
  title: string,
  times: (number|null)[],
  lines: Line[],
  format: (value: number) => string,
  most?: number,  // The top of the scale; else the largest value.
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot|null>(null);
  const [look, setLook] = useState(0);
  const first = times[0] ?? 0;
  const newestTime = times[times.length - 1] ?? 0;
  // So that the scale is one of seconds from the first value on.
  const early = newestTime - first < kLeastSeconds ?
      [newestTime - kLeastSeconds] : [];
  const data = [
    [...early, ...times],
    ...lines.map((line) => [...early.map(() => null), ...line.values]),
  ] as uPlot.AlignedData;
  const newest = useRef(data);
  newest.current = data;

  useEffect(() => {
    let ended = false;
    let observer: ResizeObserver|null = null;
    import('./uplot').then(({Plot}) => {
      const element = place.current;
      if (ended || !element) return;
      plot.current = new Plot(
          options(element.clientWidth, lines, format, most), newest.current,
          element);
      observer = new ResizeObserver(() => plot.current?.setSize(
          {width: element.clientWidth, height: kHeight}));
      observer.observe(element);
    }).catch(() => {});  // The numbers stay, without their curves.
    return () => {
      ended = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [look]);

  useEffect(() => {
    const changed = () => setLook((old) => old + 1);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', changed);
    window.addEventListener('themechange', changed);
    return () => {
      scheme.removeEventListener('change', changed);
      window.removeEventListener('themechange', changed);
    };
  }, []);

  useEffect(() => plot.current?.setData(data), [data]);

  const last = (values: (number|null)[]) => values[values.length - 1];
  const words = lines.map((line) => {
    const value = last(line.values);
    return {label: line.label, text: value == null ? '–' : format(value)};
  });
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        {words.map((word, at) => (
          <span key={word.label} class={`chart-value line-${at}`}>
            {lines.length > 1 && <small>{word.label}</small>}
            <strong>{word.text}</strong>
          </span>
        ))}
      </figcaption>
      <div ref={place} class="chart-place" role="img"
           aria-label={`${title}: ${words.map(
               (word) => `${word.label} ${word.text}`).join(', ')}`} />
    </figure>
  );
}
