import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ago, bytes, count, initials, num, percent, plural, seconds, similarity,
        span, timeOfDay} from '../src/logic/format';

test('64-bit integers come as strings or not at all', () => {
  assert.equal(num('9007199254740993'), 9007199254740992);
  assert.equal(num(undefined), 0);
  assert.equal(num('many'), 0);
  assert.equal(count('1234567'), '1,234,567');
});

test('sizes have the unit that leaves few digits', () => {
  assert.equal(bytes(undefined), '0 B');
  assert.equal(bytes('999'), '999 B');
  assert.equal(bytes(1000), '1.0 kB');
  assert.equal(bytes(999_499), '999 kB');
  assert.equal(bytes(999_600), '1.0 MB');
  assert.equal(bytes('48000000'), '48 MB');
  assert.equal(bytes(5e15), '5000 TB');
});

test('short times go from microseconds to seconds', () => {
  assert.equal(seconds(undefined), '0');
  assert.equal(seconds(-1), '0');
  assert.equal(seconds(0.00034), '340 µs');
  assert.equal(seconds(0.0034), '3.4 ms');
  assert.equal(seconds(0.9994), '999 ms');
  assert.equal(seconds(0.9996), '1.0 s');
  assert.equal(seconds(42), '42 s');
});

test('long times name their two largest units', () => {
  assert.equal(span(59.9), '59 s');
  assert.equal(span(3599), '59 min');
  assert.equal(span(3600), '1 h');
  assert.equal(span(12_000), '3 h 20 min');
  assert.equal(span(4 * 86400 + 7200), '4 d 2 h');
  assert.equal(span(-5), '0 s');
});

test('how long ago says never for what never was', () => {
  const now = Date.parse('2026-01-01T12:00:00Z');
  assert.equal(ago('2026-01-01T11:59:58Z', now), 'just now');
  assert.equal(ago('2026-01-01T11:00:00Z', now), '1 h ago');
  assert.equal(ago(undefined, now), 'never');
  assert.equal(ago('yesterday', now), 'never');
});

test('a time of day is told to the second or the millisecond', () => {
  assert.match(timeOfDay('2026-01-01T12:34:56.7891Z', true), /56[.,]789( |$)/);
  assert.match(timeOfDay('2026-01-01T12:34:56.9Z'), /34:56( |$)/);
  assert.equal(timeOfDay(undefined), '');
});

test('only what is the same has the similarity 1', () => {
  assert.equal(similarity(1), '1.000');
  assert.equal(similarity(0.99996), '0.999');
  assert.equal(similarity(-0.25), '-0.250');
  assert.equal(percent(0.456), '46 %');
});

test('one is not many', () => {
  assert.equal(plural('1', 'face'), '1 face');
  assert.equal(plural(0, 'face'), '0 faces');
  assert.equal(plural(2, 'person', 'people'), '2 people');
});

test('initials take whole characters of any script', () => {
  assert.equal(initials('Ada King Lovelace'), 'AL');
  assert.equal(initials('  plato '), 'P');
  assert.equal(initials('😀 smile'), '😀S');
  assert.equal(initials(''), '?');
});
