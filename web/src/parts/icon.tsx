// 24 x 24, drawn with lines of the colour of the text around them.
const kPaths = {
  live: 'M3 6h12v12H3zM15 10l6-3v10l-6-3',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.500a3 3 0 0 1 0 6M18 14.500c2 .7 3.2 2.5 3.5 5',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.500L21 21',
  archive: 'M3 5h18v4H3zM5 9v10h14V9M10 13h4',
  status: 'M3 12h4l3 7 4-14 3 7h4',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  play: 'M8 5l11 7-11 7z',
  pause: 'M8 5v14M16 5v14',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  first: 'M7 5v14M18 5l-8 7 8 7',
  last: 'M17 5v14M6 5l8 7-8 7',
  stop: 'M6 6h12v12H6z',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500c.6-4.3 3.4-6.5 7.5-6.500s6.9 2.2 7.5 6.5',
  theme: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  upload: 'M12 16V4M7 9l5-5 5 5M4 16v4h16v-4',
  check: 'M5 12.500l5 5L19 7',
  warning: 'M12 4L2.5 20h19zM12 10v4.500M12 17.200v.3',
  trash: 'M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13',
  move: 'M4 12h15M13 6l6 6-6 6',
  reject: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.7 5.700l12.6 12.6',
  columns: 'M4 5h7v14H4zM13 5h7v14h-7z',
  zoomIn: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.500L21 21M10.5 7.500v6M7.5 10.500h6',
  zoomOut: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.500L21 21M7.5 10.500h6',
  picture: 'M3 5h18v14H3zM3 16l5-5 4 4 3-3 6 5M15.5 9.500v.1',
};

export type IconName = keyof typeof kPaths;

export function Icon({name}: {name: IconName}) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={kPaths[name]} />
    </svg>
  );
}
