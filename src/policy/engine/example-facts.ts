// A request by an engineer on a Sunday noon, for tests to vary.

import type { ContextFacts, DecisionFacts, PrincipalFacts, TargetFacts } from './facts.ts';

export interface Variation {
  principal?: Partial<PrincipalFacts>;
  target?: Partial<TargetFacts>;
  task?: string | { name: string; ancestors: string[] };
  context?: Partial<ContextFacts>;
}

export function examplePrincipal(varied: Partial<PrincipalFacts> = {}): PrincipalFacts {
  return {
    id: 'prn_engineer',
    kind: 'person',
    name: 'engineer',
    groups: ['engineering'],
    accountType: 'employee',
    title: null,
    onCall: false,
    managerId: null,
    sponsorId: null,
    ...varied,
  };
}

export function exampleFacts(varied: Variation = {}): DecisionFacts {
  const { task = 'read-orders' } = varied;
  return {
    principal: examplePrincipal(varied.principal),
    target: {
      name: 'orders-db',
      segment: 'prod/eu/orders',
      environment: 'production',
      kind: 'postgres',
      sensitivity: 'high',
      owner: null,
      ...varied.target,
    },
    task: typeof task === 'string' ? { name: task, ancestors: [] } : task,
    context: {
      sourceIp: '10.1.2.3',
      nowMs: Date.parse('2026-11-22T12:00:00Z'),
      timeZone: 'UTC',
      durationSeconds: 1800,
      purpose: 'ticket 4711',
      ticket: null,
      mfaAgeSeconds: null,
      ...varied.context,
    },
  };
}
