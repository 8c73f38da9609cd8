import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPROVER, exampleGrant, exampleMe, exampleRequest, exampleSession } from './examples.ts';
import { mayAdminister, mayCancel, mayDecide, mayEnd, mayEndSession, mayExtend, mayUse } from './may.ts';

test('deciding follows the server, which always says why not', () => {
  assert.equal(mayDecide(exampleRequest({ mayApprove: true })), null);
  assert.equal(
    mayDecide(exampleRequest({ mayNot: 'You asked for it yourself.' })),
    'You asked for it yourself.',
  );
  assert.match(mayDecide(exampleRequest({ state: 'denied' })) ?? '', /decided already/);
});

test('only the requester cancels, only while pending', () => {
  assert.equal(mayCancel(exampleRequest(), exampleMe()), null);
  assert.notEqual(mayCancel(exampleRequest({ requester: APPROVER }), exampleMe()), null);
  assert.notEqual(mayCancel(exampleRequest({ state: 'approved' }), exampleMe()), null);
});

test('a grant is used and extended by its holder while it is active', () => {
  const other = exampleMe({ ...APPROVER });
  for (const may of [mayUse, mayExtend]) {
    assert.equal(may(exampleGrant(), exampleMe()), null);
    assert.notEqual(may(exampleGrant(), other), null);
    assert.notEqual(may(exampleGrant({ state: 'revoking' }), exampleMe()), null);
  }
});

test('ending says what stands in the way', () => {
  assert.equal(mayEnd(exampleGrant()), null);
  assert.match(mayEnd(exampleGrant({ state: 'revoked' })) ?? '', /over already/);
  assert.match(mayEnd(exampleGrant({ mayEnd: false })) ?? '', /administrator/);
  assert.equal(
    mayEndSession(exampleSession({ principal: APPROVER }), exampleMe({ rights: ['administer'] })),
    null,
  );
  assert.notEqual(mayEndSession(exampleSession({ principal: APPROVER }), exampleMe()), null);
  assert.notEqual(mayAdminister(exampleMe()), null);
});
