import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticeTarget } from './notice-target.ts';

test('a notice leads to its review, its statement, or to the page of break-glass', () => {
  const review = 'rvw_01jd2q0v6w8x9y0z1a2b3c4d5e';
  assert.deepEqual(noticeTarget({ kind: 'review', subjectId: review }), { to: '/reviews/$id', id: review });
  const statement = 'stm_01jd2q0v6w8x9y0z1a2b3c4d5e';
  assert.deepEqual(noticeTarget({ kind: 'statement', subjectId: statement }), {
    to: '/statements/$id',
    id: statement,
  });
  assert.deepEqual(noticeTarget({ kind: 'kit', subjectId: 'kit_01jd2q0v6w8x9y0z1a2b3c4d5e' }), {
    to: '/break-glass',
  });
});
