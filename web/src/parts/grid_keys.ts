import {neighbour, type Direction} from '../logic/geometry';

// For the onKeyDown of a grid: arrows move the focus between the elements with
// data-cell, Home and End to the first and the last.
export function moveInGrid(event: KeyboardEvent) {
  const grid = event.currentTarget as HTMLElement;
  const target = event.target as HTMLElement;
  if (target.matches('input, textarea, select')) return;
  const cells = [...grid.querySelectorAll<HTMLElement>('[data-cell]')];
  const from = cells.findIndex((cell) => cell.contains(target));
  if (from < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  let to = -1;
  if (event.key === 'Home') to = 0;
  if (event.key === 'End') to = cells.length - 1;
  if (event.key.startsWith('Arrow')) {
    to = neighbour(cells.map((cell) => cell.getBoundingClientRect()), from,
                   event.key as Direction);
  }
  const cell = cells[to];
  if (!cell) return;
  event.preventDefault();
  (cell.matches('a, button') ? cell :
       cell.querySelector<HTMLElement>('a, button'))?.focus();
}
