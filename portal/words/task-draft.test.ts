import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addTaskBody } from '../../src/api/targets.ts';
import { emptyTable, taskBodyOf } from './task-draft.ts';

test('a draft becomes an entitlement; what was left empty is left out', () => {
  const body = taskBodyOf({
    name: 'read-orders',
    description: ' Read orders ',
    segment: '',
    readOnly: true,
    tables: [
      { ...emptyTable(1), name: 'orders', columns: 'id, state ,' },
      { ...emptyTable(2), name: 'shop.items' },
      emptyTable(3),
    ],
    functions: 'public.refund(integer, text)\n',
    sequences: 'orders_id_seq\nshop.items_id_seq\n',
    actAs: ' ',
  });
  assert.deepEqual(body, {
    name: 'read-orders',
    kind: 'postgres',
    description: 'Read orders',
    entitlement: {
      readOnly: true,
      tables: [
        { name: 'public.orders', privileges: ['SELECT'], columns: ['id', 'state'] },
        { name: 'shop.items', privileges: ['SELECT'] },
      ],
      sequences: ['public.orders_id_seq', 'shop.items_id_seq'],
      functions: ['public.refund(integer, text)'],
    },
  });
  assert.ok(addTaskBody.safeParse(body).success);
});
