import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanExample } from '../../src/api/policy-plan.ts';
import { changesText, sideText } from './policy-change.ts';

const OWED = { maxDurationSeconds: 3600, approvals: [], record: 'on', stepUp: 'none', mask: [] } as const;
const side = (change: Partial<PlanExample['before']>): PlanExample['before'] => ({
  outcome: 'allow',
  obligations: { ...OWED, approvals: [], mask: [] },
  policies: [],
  ...change,
});

test('one side of a difference says who has to say yes, and for how long', () => {
  assert.equal(sideText(side({})), 'Allowed at once, 1 h at most');
  assert.equal(sideText(side({ outcome: 'deny' })), 'Denied');
  const approvals = [{ count: 2, from: 'Group::"dba"' }];
  assert.equal(
    sideText(side({ outcome: 'needs-approval', obligations: { ...OWED, mask: [], approvals } })),
    'Needs approval: 2 approvals from dba, 1 h at most',
  );
  const kept = { ...OWED, mask: [], approvals: [], keepRecordingSeconds: 365 * 86_400, maxRows: 1000 };
  assert.equal(
    sideText(side({ obligations: kept })),
    'Allowed at once, 1 h at most, at most 1,000 rows read, recordings kept for 365d',
  );
});

test('one file is named, more are counted', () => {
  const changed = { file: 'orders.cedar', what: 'changed' } as const;
  assert.equal(changesText([changed]), 'orders.cedar changed');
  assert.equal(changesText([changed, changed]), '2 files');
});
