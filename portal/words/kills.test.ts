import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killScopeText, progressText } from './kills.ts';

const waiting = {
  grantId: 'grt_1',
  principal: 'grace',
  target: 'orders-db',
  task: 'fix-orders',
  state: 'revoking' as const,
  lastError: null,
};

test('what is stopped, and how far it is', () => {
  assert.equal(killScopeText({ scope: 'everything', name: 'everything' }), 'Everything');
  assert.equal(killScopeText({ scope: 'segment', name: 'prod/eu' }), 'The segment prod/eu');
  const progress = { grants: 20, gone: 17, cancelled: 1, waiting: [waiting] };
  assert.equal(
    progressText({ progress }),
    '17 of 20 grants gone; waiting for fix-orders on orders-db (grace). 1 pending request cancelled.',
  );
  assert.equal(
    progressText({ progress: { grants: 20, gone: 20, cancelled: 0, waiting: [] } }),
    '20 of 20 grants gone, verified on the targets.',
  );
  assert.equal(
    progressText({ progress: { grants: 0, gone: 0, cancelled: 0, waiting: [] } }),
    'No grant was live there.',
  );
  assert.equal(progressText({ progress: null }), '');
});
