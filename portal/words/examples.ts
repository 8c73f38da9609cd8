// A request, a grant and a session that tests vary. They parse with the wire schemas.

import { type Grant, grant } from '../../src/api/grants.ts';
import { type Me, me } from '../../src/api/people.ts';
import { type Request, request } from '../../src/api/requests.ts';
import { type Session, session } from '../../src/api/sessions.ts';

const id = (kind: string, last: string) => `${kind}_${last.padStart(26, '0')}`;
const person = (name: string, last: string) => ({
  id: id('prn', last),
  name,
  displayName: name,
  kind: 'person' as const,
});

export const ENGINEER = person('engineer', 'e');
export const APPROVER = person('approver', 'a');

export const exampleMe = (change: Partial<Me> = {}): Me =>
  me.parse({ ...ENGINEER, groups: [], rights: [], demo: true, version: '0.1.0', ...change });

export const exampleRequest = (change: Partial<Request> = {}): Request =>
  request.parse({
    id: id('req', '1'),
    state: 'pending',
    decision: {
      outcome: 'needs-approval',
      reasons: [{ policy: 'fix', effect: 'permit', text: 'Engineers may fix orders.' }],
      obligations: {
        maxDurationSeconds: 7200,
        approvals: [{ count: 1, from: 'Group::"dba"' }],
        record: 'required',
        stepUp: 'none',
        mask: [],
      },
    },
    requester: ENGINEER,
    target: { name: 'orders-db', segment: 'prod/eu/orders', environment: 'prod', sensitivity: 'high' },
    task: { name: 'fix-orders', description: 'Mend orders', rights: ['UPDATE on orders'] },
    durationSeconds: 3600,
    members: [],
    extends: null,
    use: null,
    startsAt: null,
    approvedDurationSeconds: null,
    reason: 'mend order 4711',
    ticket: null,
    sourceAddress: '127.0.0.1',
    digest: 'd1',
    approvals: [],
    stages: [
      {
        count: 1,
        from: 'Group::"dba"',
        state: 'open',
        given: 0,
        candidates: [APPROVER],
        standIns: [],
        openedAt: '2026-11-22T10:00:00.000Z',
        widensAt: null,
      },
    ],
    seenBy: [],
    unusual: [],
    lastUsedAt: null,
    createdAt: '2026-11-22T10:00:00.000Z',
    decidedAt: null,
    expiresAt: '2026-11-22T14:00:00.000Z',
    mayApprove: false,
    mayNot: null,
    ...change,
  });

export const exampleGrant = (change: Partial<Grant> = {}): Grant =>
  grant.parse({
    id: id('grt', '1'),
    requestId: id('req', '1'),
    state: 'active',
    principal: ENGINEER,
    target: 'orders-db',
    task: 'fix-orders',
    segment: 'prod/eu/orders',
    login: 'sp_1',
    durationSeconds: 3600,
    createdAt: '2026-11-22T10:01:00.000Z',
    startsAt: null,
    activatedAt: '2026-11-22T10:01:01.000Z',
    expiresAt: '2026-11-22T11:01:01.000Z',
    endedAt: null,
    endReason: null,
    absentAt: null,
    overdue: false,
    lastError: null,
    blockers: [],
    altered: [],
    breakGlass: null,
    nodes: [],
    liveSessions: 0,
    use: null,
    claimBy: null,
    landingSeconds: 0,
    extension: null,
    mayEnd: true,
    ...change,
  });

export const exampleSession = (change: Partial<Session> = {}): Session =>
  session.parse({
    id: id('ses', '1'),
    grantId: id('grt', '1'),
    principal: ENGINEER,
    target: 'orders-db',
    task: 'fix-orders',
    live: true,
    clientAddress: '127.0.0.1',
    application: 'psql',
    startedAt: '2026-11-22T10:05:00.000Z',
    endedAt: null,
    endReason: null,
    statements: 3,
    refused: 0,
    errors: 0,
    rowsRead: 12,
    bytesRead: 800,
    bytesWritten: 90,
    recordingHash: null,
    kept: { seconds: null, until: null, hold: null, removedAt: null },
    ...change,
  });
