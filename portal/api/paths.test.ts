import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiPath, withQuery } from './paths.ts';

test('values are encoded, so that a name cannot become a path', () => {
  assert.equal(apiPath.targetCheck('a/../b?c'), '/api/targets/a%2F..%2Fb%3Fc/check');
  assert.equal(apiPath.request('req_1'), '/api/requests/req_1');
});

test('empty values stay out of the query', () => {
  assert.equal(withQuery('/x', { a: '', b: undefined, c: null }), '/x');
  assert.equal(withQuery('/x', { a: 0, b: false, text: 'a&b' }), '/x?a=0&b=false&text=a%26b');
  assert.equal(apiPath.requests({ view: 'mine', state: 'pending' }), '/api/requests?view=mine&state=pending');
});
