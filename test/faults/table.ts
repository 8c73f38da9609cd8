// The fault table: what goes wrong, when that is passed, and which tests show it, wherever they stand. A name that no
// test has any more fails its row, so that a test that was renamed or lost does not pass for one that ran.

export interface ShownBy {
  /** From the root of the checkout. */
  file: string;
  /** Tests of that file whose name matches; all of them where it is left out. */
  only?: RegExp;
  /** It measures: nothing else runs meanwhile. */
  alone?: true;
}

export interface FaultRow {
  /** Words of `npm run test:faults -- <word>` are looked for in it and in `fault`. */
  key: string;
  fault: string;
  passMark: string;
  shownBy: readonly ShownBy[];
}

const REVOKE = 'src/connectors/kinds/postgres/revoke.test.ts';
const CONFORMANCE = 'src/connectors/kinds/postgres/postgres.test.ts';

export const FAULT_TABLE: readonly FaultRow[] = [
  {
    key: 'crash-steps',
    fault:
      'kill -9 before and after every write and every call to a target: grant, approve, extend, end, use',
    passMark:
      'converges within 60 s; logins on the target = active grants; each has an intent row; log verifies',
    shownBy: [{ file: 'test/features/crash-steps.test.ts' }],
  },
  {
    key: 'crash-random',
    fault: 'kill -9 of program and embedded servers at random moments under load; the same with a host',
    passMark: 'as above',
    shownBy: [{ file: 'test/features/crash.test.ts' }, { file: 'test/features/hosts-crash.test.ts' }],
  },
  {
    key: 'target-down',
    fault: 'target down at the deadline, back later (nobody listens; no answer)',
    passMark: 'cut at once; retries go on; overdue alarm; gone within 60 s of its return',
    // The first of them makes what the others use.
    shownBy: [
      {
        file: 'test/features/target-trouble.test.ts',
        only: /^an administrator that may do nothing|^away at the deadline/,
      },
    ],
  },
  {
    key: 'twice',
    fault: 'two revokes at once; account already gone; account removed by hand while active',
    passMark: 'one effect, one entry; the last is a finding',
    shownBy: [
      { file: 'test/faults/ended-twice.fault.ts' },
      { file: 'test/features/deadline.test.ts', only: /^an account that somebody removed/ },
      { file: CONFORMANCE, only: /^revokes many times|^revokes what was never there/ },
    ],
  },
  {
    key: 'overlap',
    fault: 'overlapping grants, same person and task',
    passMark: 'the first end keeps the second',
    shownBy: [
      { file: CONFORMANCE, only: /^two grants of one task/ },
      { file: 'test/features/story.test.ts', only: /^two overlapping grants/ },
    ],
  },
  {
    key: 'sessions',
    fault:
      'revoke with idle, busy, open-cursor, in-transaction, SET ROLE, delayed-start sessions, foreign locks, owned objects; PostgreSQL 15 and 18',
    passMark: 'inert within 5 s; nothing destroyed; absence by OID',
    shownBy: [
      { file: REVOKE },
      {
        file: 'test/features/deadline.test.ts',
        only: /^a direct login that authenticated|^a transaction that holds a lock/,
      },
    ],
  },
  {
    key: 'standbys',
    fault: 'the same on standbys of the target',
    passMark: 'sessions ended there too; over when each of them says so',
    shownBy: [{ file: 'src/connectors/kinds/postgres/nodes.test.ts' }],
  },
  {
    key: 'store-killed',
    fault: 'the store killed under load (embedded and external)',
    passMark: 'no acknowledged event lost; audit verifies',
    shownBy: [
      { file: 'test/faults/store-killed.fault.ts' },
      { file: 'test/features/store-away.test.ts', only: /^a killed store comes back/ },
    ],
  },
  {
    key: 'store-away',
    fault: 'gateway cut off from the store',
    passMark: 'sessions go on, never past the deadline; no new ones',
    shownBy: [{ file: 'test/features/store-away.test.ts', only: /^a stopped store/ }],
  },
  {
    key: 'failover',
    fault: 'a 120 s failover of the store',
    passMark:
      'sessions up to the grace of their segment and never past the deadline; no new ones; none lost by default',
    shownBy: [
      { file: 'test/faults/replicas.fault.ts', only: /^a failover of the store of 120 s/ },
      { file: 'test/features/store-away.test.ts', only: /^where the segment says so/ },
    ],
  },
  {
    key: 'late-worker',
    fault: 'a worker stopped (SIGSTOP) past its lease, then resumed',
    passMark: 'its writes are refused',
    shownBy: [
      { file: 'test/faults/late-worker.fault.ts' },
      { file: 'test/faults/replicas.fault.ts', only: /^a worker that was stopped past its lease/ },
    ],
  },
  {
    key: 'clock',
    fault: 'clock ± 1 h, of the program and of the store; expiry ± 1 s',
    passMark: 'never extended',
    shownBy: [{ file: 'test/faults/clock.fault.ts' }],
  },
  {
    key: 'full-disk',
    fault: 'disk full for store, recordings',
    passMark: 'no new grants; sessions cut at their deadline; clean-up goes on as soon as the store does',
    shownBy: [
      { file: 'test/features/full-disk.test.ts' },
      { file: 'src/sessions/recording.test.ts', only: /^ends the session and still closes/ },
    ],
  },
  {
    key: 'expiry',
    fault: '10,000 grants expiring at the same second, and the same across a restart',
    passMark: 'cut ≤ 1 s after the deadline; drains at ≥ 0.8 × the target’s floor; API p99 ≤ 250 ms',
    shownBy: [{ file: 'test/faults/expiry.fault.ts', alone: true }],
  },
  {
    key: 'model',
    fault:
      'random sequences: request, approve, extend, done, revoke, expire, crash, target down, policy change, person disabled',
    passMark: 'store, target and log are what a simple model says, after each',
    shownBy: [{ file: 'test/features/grant-model.test.ts' }],
  },
  {
    key: 'policy-model',
    fault: 'random questions to policy',
    passMark: 'sharded answers as unsharded',
    shownBy: [{ file: 'test/faults/policy-model.test.ts' }],
  },
  {
    key: 'policy-large',
    fault: '50,000 policies at once; one more; files that are too large',
    passMark: 'in force while others are answered within 5 s; errors that name the limit',
    shownBy: [{ file: 'test/faults/large-policies.fault.ts' }],
  },
  {
    key: 'replicas',
    fault: 'one of two replicas killed under load; sessions and grants ended from the other',
    passMark: 'no grant lost, none doubled; revocation on time',
    shownBy: [
      { file: 'test/features/replicas.test.ts', only: /^a replica that is killed|^a session is ended from/ },
      { file: 'test/faults/replicas.fault.ts', only: /^one of two is killed/ },
    ],
  },
  {
    key: 'delivery',
    fault: 'a decision delivered 100 times, reordered (what a chat or a webhook does)',
    passMark: 'one decision',
    shownBy: [{ file: 'test/faults/approvers.fault.ts', only: /^a yes and a no|^of two people/ }],
  },
  {
    key: 'approver-service',
    fault: 'what delivers an approval is slow or fails; a service approves by itself',
    passMark: 'stays pending, then expires; never approves',
    shownBy: [{ file: 'test/faults/approvers.fault.ts', only: /^an approver who is slow|^a service has no/ }],
  },
  {
    key: 'bucket',
    fault:
      'the bucket for recordings away, slow, answering 500, 503, nothing or half, altered; kill -9 at each request to it',
    passMark: 'no recording lost, none twice; what was altered is never shown; health tells',
    shownBy: [
      { file: 'src/object-store/s3.test.ts' },
      { file: 'test/features/stored-recordings.test.ts' },
      { file: 'test/features/stored-by-replicas.test.ts' },
    ],
  },
  {
    key: 'upgrade',
    fault: 'rolling upgrade with active grants',
    passMark: 'all still expire',
    shownBy: [{ file: 'test/features/replicas.test.ts', only: /^a rolling restart|^version N runs beside/ }],
  },
];
