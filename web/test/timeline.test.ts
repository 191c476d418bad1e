import assert from 'node:assert/strict';
import {test} from 'node:test';
import {millisecondsBetween, nextFrom, nextShown, stepFor, waitFor, zoomSteps}
  from '../src/logic/timeline';

const frame = (seq: number, ms: number, run = 1) => ({
  seq: String(seq),
  run,
  ptsUs: String(ms * 1000),
  time: new Date(1e12 + ms).toISOString(),
});

test('the overview shows the whole of an archive', () => {
  assert.equal(stepFor(0, 59, 60), 1);
  assert.equal(stepFor(0, 60, 60), 2);
  assert.equal(stepFor(1000, 7_000_999, 60), 116_667);
  assert.equal(stepFor(5, 4, 60), 1);
});

test('a zoom ends at every frame', () => {
  assert.deepEqual(zoomSteps(0, 1199, 60), [20, 5, 1]);
  assert.deepEqual(zoomSteps(0, 10, 60), [1]);
});

test('a page goes on where the one before ended', () => {
  assert.equal(nextFrom({frames: [frame(0, 0), frame(20, 1)], more: true}, 20),
               40);
  assert.equal(nextFrom({frames: [frame(7, 0)], more: true}, 0), 8);
  assert.equal(nextFrom({frames: [frame(7, 0)]}, 1), -1);
  assert.equal(nextFrom({frames: [], more: true}, 1), -1);
});

test('frames keep the pace at which they were recorded', () => {
  assert.equal(millisecondsBetween(frame(0, 0), frame(1, 40)), 40);
  assert.equal(waitFor(frame(0, 0), frame(1, 40), 2), 20);
});

test('across runs the clock counts, and nobody waits out a gap', () => {
  const last = {...frame(9, 5000), ptsUs: '5000000'};
  const next = {...frame(10, 5500, 2), ptsUs: '0'};
  assert.equal(millisecondsBetween(last, next), 500);
  assert.equal(waitFor(frame(0, 0), frame(1, 3_600_000), 1), 2000);
});

test('frames without times follow at a pace all the same', () => {
  assert.equal(millisecondsBetween({seq: '1'}, {seq: '2'}), 100);
});

test('at a high speed frames are passed over, at a low one none', () => {
  const frames = Array.from({length: 50}, (_, at) => frame(at, at * 40));
  assert.deepEqual(nextShown(frames, 0, 0.5), {index: 1, wait: 80});
  assert.deepEqual(nextShown(frames, 0, 1), {index: 1, wait: 40});
  assert.deepEqual(nextShown(frames, 10, 8), {index: 18, wait: 40});
  assert.deepEqual(nextShown(frames, 48, 8), {index: 49, wait: 5});
  assert.equal(nextShown(frames, 49, 1), null);
  assert.equal(nextShown([], 0, 1), null);
});

test('a slow camera keeps its pace, also where frames come in bursts', () => {
  const frames = [0, 1000, 1010, 1020, 2000].map((ms, at) => frame(at, ms));
  assert.deepEqual(nextShown(frames, 0, 1), {index: 1, wait: 1000});
  assert.deepEqual(nextShown(frames, 1, 1), {index: 3, wait: 20});
  assert.deepEqual(nextShown(frames, 3, 1), {index: 4, wait: 980});
});
