// The demo's three tasks: one that reads without personal data, one that repairs, one that needs ownership.

import type { AddTaskBody } from '../api/targets.ts';
import { ORDERS_OWNER } from './orders-database.ts';

const SEGMENT = 'prod/eu/orders';

export const DEMO_TASKS: AddTaskBody[] = [
  {
    name: 'read-orders',
    kind: 'postgres',
    segment: SEGMENT,
    description: 'Look at orders and their items; customers without their personal data.',
    entitlement: {
      readOnly: true,
      schemas: ['public'],
      tables: [
        { name: 'public.orders', privileges: ['SELECT'] },
        { name: 'public.order_items', privileges: ['SELECT'] },
        { name: 'public.customers', privileges: ['SELECT'], columns: ['id', 'country', 'created_at'] },
      ],
      statementTimeoutSeconds: 300,
    },
  },
  {
    name: 'fix-orders',
    kind: 'postgres',
    segment: SEGMENT,
    description: 'Correct the status and note of orders and record refunds.',
    entitlement: {
      readOnly: false,
      schemas: ['public'],
      tables: [
        { name: 'public.orders', privileges: ['SELECT'] },
        { name: 'public.orders', privileges: ['UPDATE'], columns: ['status', 'note'] },
        { name: 'public.order_items', privileges: ['SELECT'] },
        { name: 'public.refunds', privileges: ['SELECT', 'INSERT'] },
      ],
      sequences: ['public.refunds_id_seq'],
      statementTimeoutSeconds: 300,
    },
  },
  {
    name: 'change-schema',
    kind: 'postgres',
    segment: SEGMENT,
    description: 'Change tables as the role that owns them; what is made belongs to the application.',
    entitlement: { readOnly: false, schemas: ['public'], actAs: ORDERS_OWNER },
  },
];
