// What may follow what: two literal tables, event × state. Every other pair is an error, so nothing changes state
// by accident, and a reader sees the whole life of a request and of a grant on one screen.

import type { GrantState } from '../api/grants.ts';
import { conflict } from '../base/errors.ts';
import type { RequestState } from '../db/tables.ts';

export type RequestEvent = 'approve' | 'deny' | 'cancel' | 'expire';

const REQUEST_TRANSITIONS: Record<RequestState, Partial<Record<RequestEvent, RequestState>>> = {
  pending: { approve: 'approved', deny: 'denied', cancel: 'cancelled', expire: 'expired' },
  approved: {},
  denied: {},
  cancelled: {},
  expired: {},
};

/** The state after `event`. Errors: conflict `request-<state>`, naming what the request already is. */
export function nextRequestState(state: RequestState, event: RequestEvent): RequestState {
  const next = REQUEST_TRANSITIONS[state][event];
  if (next === undefined) {
    throw conflict(
      `request-${state}`,
      `This request is ${state} already; it cannot be ${PARTICIPLE[event]} any more.`,
      {
        facts: { state },
      },
    );
  }
  return next;
}

const PARTICIPLE: Record<RequestEvent, string> = {
  approve: 'approved',
  deny: 'denied',
  cancel: 'cancelled',
  expire: 'expired',
};

export type Wanted = 'present' | 'absent';
export type ObservedState = 'unknown' | 'present' | 'inert' | 'absent';

export interface GrantTruth {
  wanted: Wanted;
  observed: ObservedState;
  /** Its start is still to come. */
  planned?: boolean;
  /** One of several; while it is there and not activated it waits for the others. */
  bundled?: boolean;
  activated_at?: Date | null;
}

const DERIVED: Record<Wanted, Record<ObservedState, GrantState>> = {
  present: { unknown: 'granting', present: 'active', inert: 'revoking', absent: 'revoking' },
  absent: { unknown: 'revoking', present: 'revoking', inert: 'cleanup-pending', absent: 'revoked' },
};

/** The state that people see (lifecycle.md, "States"). */
export function grantState(truth: GrantTruth): GrantState {
  const state = DERIVED[truth.wanted][truth.observed];
  if (state === 'active' && truth.bundled === true && truth.activated_at === null) return 'granting';
  return state === 'granting' && truth.planned === true ? 'planned' : state;
}

export type GrantEvent =
  | 'activated'
  | 'end'
  | 'made-inert'
  | 'verified-absent'
  | 'extend'
  | 'issue-credential'
  | 'open-session';

type Cell = GrantTruth | 'same' | undefined;
const ABSENT = (observed: ObservedState): GrantTruth => ({ wanted: 'absent', observed });

/** Rows: the derived state. `same` allows the event and changes neither column. */
const GRANT_TRANSITIONS: Record<GrantState, Partial<Record<GrantEvent, Cell>>> = {
  planned: { end: ABSENT('unknown') },
  granting: { activated: { wanted: 'present', observed: 'present' }, end: ABSENT('unknown') },
  active: { end: ABSENT('present'), extend: 'same', 'issue-credential': 'same', 'open-session': 'same' },
  revoking: { 'made-inert': ABSENT('inert'), 'verified-absent': ABSENT('absent') },
  'cleanup-pending': { 'made-inert': 'same', 'verified-absent': ABSENT('absent') },
  revoked: {},
};

/** What both columns become. Errors: conflict `grant-<state>`. */
export function nextGrantTruth(truth: GrantTruth, event: GrantEvent): GrantTruth {
  const state = grantState(truth);
  const next = GRANT_TRANSITIONS[state][event];
  if (next === undefined) {
    throw conflict(`grant-${state}`, `This grant is ${IN_WORDS[state]}; ${NEEDS[event]}.`, {
      facts: { state },
    });
  }
  return next === 'same' ? truth : next;
}

const IN_WORDS: Record<GrantState, string> = {
  planned: 'planned and has not started',
  granting: 'still being made on the target',
  active: 'active',
  revoking: 'being revoked',
  'cleanup-pending': 'over (its identity on the target waits to be removed)',
  revoked: 'over',
};

const NEEDS: Record<GrantEvent, string> = {
  activated: 'it cannot become active',
  end: 'there is nothing to end',
  'made-inert': 'it cannot become inert',
  'verified-absent': 'it cannot be verified absent',
  extend: 'only an active one can be extended',
  'issue-credential': 'only an active one has credentials',
  'open-session': 'only an active one lets sessions in',
};
