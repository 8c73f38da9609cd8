import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesFor, withDraft } from './draft-file.ts';

const pack = (segment: string, mayPropose = true) => ({ segment, owner: 'team', files: [], mayPropose });

test('a draft goes into the nearest pack around its segment, or into a file for everywhere', () => {
  const packs = [pack('prod'), pack('prod/eu'), pack('prod/europe'), pack('dev')];
  assert.deepEqual(filesFor('a.cedar', { segment: 'prod/eu/orders', everywhere: true, packs }), [
    'packs/prod/eu/a.cedar',
    'packs/prod/a.cedar',
    'a.cedar',
  ]);
  assert.deepEqual(filesFor('a.cedar', { segment: null, everywhere: true, packs }), ['a.cedar']);
});

test('who may not change policy proposes to their own packs alone', () => {
  const packs = [pack('prod', false), pack('prod/eu')];
  assert.deepEqual(filesFor('a.cedar', { segment: 'prod/eu', everywhere: false, packs }), [
    'packs/prod/eu/a.cedar',
  ]);
  assert.deepEqual(filesFor('a.cedar', { segment: 'prod', everywhere: false, packs }), []);
});

test('a file that there is keeps what it holds', () => {
  const files = { 'a.cedar': 'permit (principal, action, resource);\n', 'b.cedar': 'x' };
  assert.deepEqual(withDraft(files, 'a.cedar', 'new;\n'), {
    'a.cedar': 'permit (principal, action, resource);\n\nnew;\n',
    'b.cedar': 'x',
  });
  assert.deepEqual(withDraft(files, 'c.cedar', 'new;\n'), { ...files, 'c.cedar': 'new;\n' });
});
