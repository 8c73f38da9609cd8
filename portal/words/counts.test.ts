import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalsText, bytesText, counted, fromWhom, listText, millisText, percentText } from './counts.ts';

test('counts, sizes, times and shares', () => {
  assert.equal(counted(1, 'row'), '1 row');
  assert.equal(counted(1204, 'row'), '1,204 rows');
  assert.equal(counted(2, 'entry', 'entries'), '2 entries');
  assert.equal(bytesText(0), '0 B');
  assert.equal(bytesText(4_123), '4.1 kB');
  assert.equal(bytesText(999_999), '1 MB');
  assert.equal(millisText(0.42), '0.4 ms');
  assert.equal(millisText(1_512), '1.5 s');
  assert.equal(percentText(1, 3), '33 %');
  assert.equal(percentText(0, 0), '–');
});

test('names', () => {
  assert.equal(listText([]), '');
  assert.equal(listText(['a', 'b', 'c']), 'a, b and c');
  assert.equal(fromWhom('Group::"dba"'), 'dba');
  assert.equal(fromWhom('manager'), 'the manager');
  assert.equal(fromWhom('onCall Group::"dba"'), 'dba on call');
});

test('approvals that are asked for', () => {
  assert.equal(approvalsText([{ count: 1, from: 'Group::"approvers"' }]), '1 approval from approvers');
  assert.equal(
    approvalsText([
      { count: 2, from: 'Group::"dba"' },
      { count: 1, from: 'manager' },
    ]),
    '2 approvals from dba, then 1 from the manager',
  );
});
