import assert from 'node:assert/strict';
import {test} from 'node:test';
import {imageType, url} from '../src/api';
import {parseCondition, withCondition} from '../src/logic/condition';
import {forEachOf} from '../src/logic/pool';
import {link, parseRoute} from '../src/logic/route';

test('any name survives its way through an address', () => {
  for (const name of ['Ada', 'a/b?c#d%2e&', '<img src=x>', '日本語', '%']) {
    const route = parseRoute(link('people', name));
    assert.deepEqual([route.page, ...route.args], ['people', name]);
  }
});

test('an address that nobody made leads somewhere', () => {
  assert.equal(parseRoute('').page, 'live');
  assert.equal(parseRoute('#/').page, 'live');
  assert.deepEqual(parseRoute('#/people/%E0%A4%A').args, ['%E0%A4%A']);
  assert.equal(parseRoute('#/search?where=a=b&where=c').query.getAll('where')
                   .length, 2);
});

test('parameters are left out where they say nothing', () => {
  assert.equal(url('live', {a: undefined, b: '', c: false}), 'v1/live');
  assert.equal(url('x', {k: 3, where: ['a=b', 'c~d&e']}),
               'v1/x?k=3&where=a%3Db&where=c%7Ed%26e');
});

test('pictures whose kind the browser does not know have one', () => {
  assert.equal(imageType(new Blob([], {type: 'image/png'})), 'image/png');
  assert.equal(imageType(new Blob([])), 'image/jpeg');
  const photo = Object.assign(new Blob([]), {name: 'IMG_1.HEIC'});
  assert.equal(imageType(photo), 'image/heic');
});

test('a condition is a name, a relation and a value', () => {
  assert.deepEqual(parseCondition(' region = North Africa '),
                   {name: 'region', relation: '=', value: 'North Africa'});
  assert.deepEqual(parseCondition('year>=1960'),
                   {name: 'year', relation: '>=', value: '1960'});
  assert.deepEqual(parseCondition('title~a=b'),
                   {name: 'title', relation: '~', value: 'a=b'});
  assert.equal(parseCondition('region'), null);
  assert.equal(parseCondition('=x'), null);
});

test('a condition is added once', () => {
  assert.deepEqual(withCondition(['a=1'], 'a = 1'), ['a=1']);
  assert.deepEqual(withCondition(['a=1'], 'b!=2'), ['a=1', 'b!=2']);
  assert.deepEqual(withCondition(['a=1'], 'nonsense'), ['a=1']);
});

test('no more are worked on at a time than allowed, and all in the end',
     async () => {
  let working = 0;
  let most = 0;
  const done: number[] = [];
  await forEachOf([1, 2, 3, 4, 5], 2, async (item) => {
    most = Math.max(most, ++working);
    await Promise.resolve();
    done.push(item);
    --working;
  });
  assert.equal(most, 2);
  assert.deepEqual(done.sort(), [1, 2, 3, 4, 5]);
});
