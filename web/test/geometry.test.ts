import assert from 'node:assert/strict';
import {test} from 'node:test';
import {boxInPercent, containRect, cropAround, neighbour}
  from '../src/logic/geometry';

test('a wide picture has bars above and below', () => {
  assert.deepEqual(containRect(400, 400, 1280, 720),
                   {left: 0, top: 87.5, width: 400, height: 225});
});

test('a tall picture has bars at its sides', () => {
  assert.deepEqual(containRect(1600, 900, 100, 100),
                   {left: 350, top: 0, width: 900, height: 900});
});

test('a picture of no size fills the stage', () => {
  const stage = {left: 0, top: 0, width: 300, height: 200};
  assert.deepEqual(containRect(300, 200, 0, 0), stage);
  assert.deepEqual(containRect(300, 200, NaN, 10), stage);
});

test('a box is a share of its picture, whatever its size on the screen', () => {
  assert.deepEqual(
      boxInPercent({x: 320, y: 90, width: 640, height: 360}, 1280, 720),
      {left: 25, top: 12.5, width: 50, height: 50});
});

test('a box is cut at the edges, and dropped beyond them', () => {
  assert.deepEqual(boxInPercent({x: -50, y: 50, width: 100, height: 100}, 100,
                                100),
                   {left: 0, top: 50, width: 50, height: 50});
  assert.equal(boxInPercent({x: 200, width: 10, height: 10}, 100, 100), null);
  assert.equal(boxInPercent({x: NaN, width: 10, height: 10}, 100, 100), null);
  assert.equal(boxInPercent({}, 100, 100), null);
  assert.equal(boxInPercent(undefined, 100, 100), null);
  assert.equal(boxInPercent({width: 5, height: 5}, 0, 0), null);
});

test('what is cut out around a face stays square and within the picture', () => {
  assert.deepEqual(cropAround({x: 0, y: 0, width: 50, height: 50}, 640, 480),
                   {left: 0, top: 0, width: 70, height: 70});
  const large = cropAround({x: 0, y: 0, width: 640, height: 480}, 640, 480);
  assert.deepEqual([large.width, large.height, large.top], [480, 480, 0]);
});

const grid = [0, 1, 2, 3, 4, 5, 6].map((at) => (
    {left: at % 3 * 100, top: Math.floor(at / 3) * 80, width: 90, height: 70}));

test('arrows to the sides go on to the next line', () => {
  assert.equal(neighbour(grid, 2, 'ArrowRight'), 3);
  assert.equal(neighbour(grid, 3, 'ArrowLeft'), 2);
  assert.equal(neighbour(grid, 6, 'ArrowRight'), -1);
  assert.equal(neighbour(grid, 0, 'ArrowLeft'), -1);
});

test('arrows up and down stay in the column, or come near it', () => {
  assert.equal(neighbour(grid, 1, 'ArrowDown'), 4);
  assert.equal(neighbour(grid, 4, 'ArrowUp'), 1);
  assert.equal(neighbour(grid, 5, 'ArrowDown'), 6);
  assert.equal(neighbour(grid, 6, 'ArrowDown'), -1);
  assert.equal(neighbour([], 0, 'ArrowDown'), -1);
});
