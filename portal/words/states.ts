// States as people read them, with the tone that they are shown in.

import type { GrantState } from '../../src/api/grants.ts';
import type { Outcome, RequestState } from '../../src/api/requests.ts';
import type { StatementState } from '../../src/api/statements.ts';

/** `open` is lit (the accent), `good` over and well, `wait` somebody's turn, `bad` refused or wrong, `quiet` past. */
export type Tone = 'open' | 'good' | 'wait' | 'bad' | 'quiet';

export interface StateWords {
  word: string;
  tone: Tone;
  /** What it means, in a sentence. */
  meaning: string;
}

export const GRANT_STATES: Record<GrantState, StateWords> = {
  planned: { word: 'Planned', tone: 'wait', meaning: 'It starts later.' },
  granting: { word: 'Granting', tone: 'wait', meaning: 'The login is being made on the target.' },
  active: { word: 'Active', tone: 'open', meaning: 'The login works.' },
  revoking: { word: 'Revoking', tone: 'wait', meaning: 'Sessions are being ended and rights taken away.' },
  'cleanup-pending': {
    word: 'Revoked, clean-up pending',
    tone: 'wait',
    meaning: 'Nobody can use it any more; its empty login is removed when a lock allows.',
  },
  revoked: { word: 'Revoked', tone: 'good', meaning: 'The target says that nothing is left of it.' },
};

export const REQUEST_STATES: Record<RequestState, StateWords> = {
  pending: { word: 'Pending', tone: 'wait', meaning: 'Waiting for approval.' },
  approved: { word: 'Approved', tone: 'good', meaning: 'It was allowed.' },
  denied: { word: 'Denied', tone: 'bad', meaning: 'Policy or an approver said no.' },
  cancelled: { word: 'Cancelled', tone: 'quiet', meaning: 'The requester took it back.' },
  expired: { word: 'Expired', tone: 'quiet', meaning: 'Nobody decided in time.' },
};

export const STATEMENT_STATES: Record<StatementState, StateWords> = {
  waiting: { word: 'Waiting', tone: 'wait', meaning: 'It runs when it is approved.' },
  approved: { word: 'Approved', tone: 'good', meaning: 'It is about to run.' },
  used: { word: 'Approved and sent', tone: 'good', meaning: 'It was approved, and went to the target once.' },
  denied: { word: 'Denied', tone: 'bad', meaning: 'An approver said no; it did not run.' },
  expired: { word: 'Expired', tone: 'quiet', meaning: 'Nobody decided in time; it did not run.' },
  withdrawn: { word: 'Withdrawn', tone: 'quiet', meaning: 'It was cancelled, or its session ended.' },
};

export const OUTCOMES: Record<Outcome, StateWords> = {
  allow: { word: 'Allowed at once', tone: 'good', meaning: 'Nobody needs to approve it.' },
  'needs-approval': { word: 'Needs approval', tone: 'wait', meaning: 'Somebody has to say yes.' },
  deny: { word: 'Denied', tone: 'bad', meaning: 'Policy does not allow it.' },
};
