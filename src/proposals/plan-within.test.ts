// The owner of a pack sees no grant of another segment in a plan.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PlanGrant, policyPlan } from '../api/policy-plan.ts';
import { planWithin } from './plan-within.ts';

const none = { count: 0, examples: [] };
const grantIn = (segment: string, ends = true): PlanGrant => ({
  ...{ id: `grt of ${segment}`, principal: 'ada', task: 'read', target: 'db', expiresAt: null },
  ...{ segment, cause: 'not-permitted', ends, why: 'why' },
});

test('only grants of the segment and below are left, and counted', () => {
  const first = [
    grantIn('prod/eu/orders'),
    grantIn('prod/eu/orders/archive', false),
    grantIn('prod/eu/orders-archive'),
    grantIn('prod/eu'),
  ];
  const plan = policyPlan.parse({
    ...{ digest: 'd', baseDigest: 'b', madeAt: '2026-11-22T12:00:00.000Z', days: 90 },
    decisions: { stored: 0, replayed: 0, unreadable: 0, oldest: null },
    ...{
      differences: 0,
      newlyAllowed: none,
      newlyDenied: none,
      otherApprovers: none,
      otherObligations: none,
    },
    people: { count: 0, most: [] },
    lockedOut: { count: 0, first: [] },
    ...{ rights: [], approvers: [], liveGrants: 'end' },
    grants: { live: 900, judged: 900, end: 3, runOut: 1, first },
  });
  const { grants } = planWithin(plan, 'prod/eu/orders');
  assert.deepEqual(grants, { live: 2, judged: 2, end: 1, runOut: 1, first: first.slice(0, 2) });
});
