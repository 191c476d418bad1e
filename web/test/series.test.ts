import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Series, sampleOf} from '../src/logic/series';

const status = (second: number, more: object = {}) => ({
  started: '2026-01-01T00:00:00Z',
  now: new Date(Date.UTC(2026, 0, 1, 1, 0, second)).toISOString(),
  ...more,
});

test('counters become rates', () => {
  const sample = sampleOf(
      status(0, {requests: '100', images: '10', imagesCached: '5'}),
      status(2, {requests: '150', images: '30', imagesCached: '20'}));
  assert.equal(sample.requests, 25);
  assert.equal(sample.images, 10);
  assert.equal(sample.hitRatio, 0.75);
});

test('the first state has no rates, but what it is at', () => {
  const sample = sampleOf(null, status(0, {inFlight: 3, latencyP99: 0.02}));
  assert.equal(sample.requests, NaN);
  assert.equal(sample.inFlight, 3);
  assert.equal(sample.p99, 20);
});

test('without an image there is no share of those known', () => {
  assert.equal(sampleOf(status(0), status(1)).hitRatio, NaN);
});

test('a service that began anew has not gone backwards', () => {
  const sample = sampleOf(
      status(0, {requests: '1000'}),
      {...status(5, {requests: '3'}), started: '2026-01-01T01:00:03Z'});
  assert.equal(sample.requests, NaN);
});

test('a series keeps the newest, and unknown values as null', () => {
  const series = new Series(3);
  for (let at = 0; at < 5; ++at) series.add(status(at, {requests: at * 2}));
  assert.equal(series.size, 3);
  assert.deepEqual(series.column('requests'), [2, 2, 2]);
  assert.deepEqual(series.column('hitRatio'), [null, null, null]);
});

test('a clock that was set back begins the series anew', () => {
  const series = new Series(10);
  series.add(status(30));
  series.add(status(10));
  assert.equal(series.size, 1);
});
