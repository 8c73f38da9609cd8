// One elevation as a passage through two doors: asked, decided, open, shut, gone. The stations come from the request
// and its grant; what happened in between is told as events, in the order of time.

import type { Grant } from '../../src/api/grants.ts';
import type { Request } from '../../src/api/requests.ts';
import type { Session } from '../../src/api/sessions.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { secondsBetween } from '../time/when.ts';
import { askedText } from './asked.ts';
import { approvalsText, capital, counted } from './counts.ts';
import type { Tone } from './states.ts';

export interface Station {
  key: 'asked' | 'decided' | 'open' | 'shut' | 'gone';
  label: string;
  at: string | null;
  /** When it happens at the latest, where that is known. */
  dueAt: string | null;
  /** `done` has happened, `now` is awaited, `ahead` comes later, `never` will not happen. */
  state: 'done' | 'now' | 'ahead' | 'never';
}

export interface Passage {
  stations: Station[];
  /** Seconds from each station to the next; null where one of the two has not happened. */
  spans: (number | null)[];
}

export interface Happening {
  at: string;
  title: string;
  detail: string | null;
  tone: Tone;
  sessionId: string | null;
}

const DECIDED_LABEL: Record<Request['state'], string> = {
  pending: 'Decision',
  approved: 'Approved',
  denied: 'Denied',
  cancelled: 'Cancelled',
  expired: 'Expired',
};

type Times = Pick<Grant, 'activatedAt' | 'expiresAt' | 'endedAt' | 'absentAt'>;

/** Of all members of a bundle: it is open, shut and gone when the last of them is. Null when there is none. */
export function timesOf(grants: readonly Times[]): Times | null {
  if (grants.length === 0) return null;
  const last = (at: keyof Times) =>
    grants
      .map((one) => one[at] ?? '')
      .sort()
      .at(-1) || null;
  const lastOfAll = (at: keyof Times) => (grants.some((one) => one[at] === null) ? null : last(at));
  return {
    activatedAt: lastOfAll('activatedAt'),
    expiresAt: last('expiresAt'),
    endedAt: lastOfAll('endedAt'),
    absentAt: lastOfAll('absentAt'),
  };
}

export function passageOf(request: Request, grant: Times | null): Passage {
  const refused = request.state !== 'pending' && request.state !== 'approved';
  const stations: Station[] = [
    { key: 'asked', label: 'Asked', at: request.createdAt, dueAt: null, state: 'done' },
    {
      key: 'decided',
      label: request.decision.outcome === 'allow' && !refused ? 'Allowed' : DECIDED_LABEL[request.state],
      at: request.decidedAt,
      dueAt: request.expiresAt,
      state: request.state === 'pending' ? 'now' : 'done',
    },
    { key: 'open', label: 'Open', at: grant?.activatedAt ?? null, dueAt: null, state: 'ahead' },
    {
      key: 'shut',
      label: 'Shut',
      at: grant?.endedAt ?? null,
      dueAt: grant?.expiresAt ?? null,
      state: 'ahead',
    },
    { key: 'gone', label: 'Gone, verified', at: grant?.absentAt ?? null, dueAt: null, state: 'ahead' },
  ];
  let awaited = request.state !== 'pending';
  for (const station of stations.slice(2)) {
    if (refused) station.state = 'never';
    else if (station.at !== null) station.state = 'done';
    else if (station.key === 'open' && grant?.endedAt != null) station.state = 'never';
    else if (awaited) {
      station.state = 'now';
      awaited = false;
    }
  }
  const spans = stations.slice(1).map((station, position) => {
    const before = stations[position]?.at ?? null;
    return before === null || station.at === null ? null : secondsBetween(before, station.at);
  });
  return { stations, spans };
}

const happening = (at: string, title: string, tone: Tone, detail: string | null = null): Happening => ({
  at,
  title,
  detail,
  tone,
  sessionId: null,
});

function decisionHappenings(request: Request): Happening[] {
  const asked = `${request.requester.displayName} asked for ${askedText(request)} for ${describeDuration(request.durationSeconds)}`;
  const list = [happening(request.createdAt, asked, 'quiet', request.reason)];
  const stages = approvalsText(request.decision.obligations.approvals);
  const said = {
    allow: 'Policy allowed it at once',
    'needs-approval': `Policy asks for ${stages}`,
    deny: 'Policy denied it',
  };
  const why = request.decision.reasons.map((reason) => reason.text).join(' ') || null;
  const tone = { allow: 'good', 'needs-approval': 'wait', deny: 'bad' } as const;
  list.push(
    happening(request.createdAt, said[request.decision.outcome], tone[request.decision.outcome], why),
  );
  for (const seen of request.seenBy)
    list.push(happening(seen.at, `${seen.by.displayName} looked at it`, 'quiet'));
  for (const given of request.approvals) {
    const shorter =
      given.durationSeconds !== null && given.durationSeconds < request.durationSeconds
        ? ` for ${describeDuration(given.durationSeconds)}`
        : '';
    const yes = given.verdict === 'approve';
    list.push(
      happening(
        given.at,
        `${given.by.displayName}${given.onBehalfOf === null ? '' : ` for ${given.onBehalfOf.displayName}`} ${yes ? `approved it${shorter}` : 'denied it'}`,
        yes ? 'good' : 'bad',
        given.reason,
      ),
    );
  }
  if (request.decidedAt !== null && request.state === 'cancelled') {
    list.push(happening(request.decidedAt, 'The request was cancelled', 'quiet'));
  }
  if (request.decidedAt !== null && request.state === 'expired') {
    list.push(happening(request.decidedAt, 'The request expired: nobody decided in time', 'quiet'));
  }
  return list;
}

/** `bundled`: which of them it is has to be said. */
function grantHappenings(grant: Grant, bundled: boolean): Happening[] {
  const which = bundled ? `${grant.task} on ${grant.target}: ` : '';
  const say = (text: string) => (bundled ? `${which}${text.charAt(0).toLowerCase()}${text.slice(1)}` : text);
  const list: Happening[] = [];
  if (grant.activatedAt !== null) {
    list.push(
      happening(grant.activatedAt, say(`The login ${grant.login} works, and the clock runs`), 'open'),
    );
  }
  if (grant.endedAt !== null)
    list.push(
      happening(
        grant.endedAt,
        say('The grant ended'),
        'wait',
        grant.endReason === null ? null : capital(grant.endReason),
      ),
    );
  if (grant.absentAt !== null) {
    list.push(happening(grant.absentAt, say('The target says that nothing is left of it'), 'good'));
  }
  return list;
}

function sessionHappenings(session: Session): Happening[] {
  const did = `${counted(session.statements, 'statement')}, ${counted(session.rowsRead, 'row')} read`;
  const begun = {
    ...happening(
      session.startedAt,
      `A session began from ${session.clientAddress}`,
      'open' as const,
      session.application,
    ),
    sessionId: session.id,
  };
  if (session.endedAt === null) return [begun];
  const detail = session.endReason === null ? did : `${did}. ${capital(session.endReason)}`;
  return [
    begun,
    { ...happening(session.endedAt, 'The session ended', 'quiet', detail), sessionId: session.id },
  ];
}

/** Oldest first; what happened at the same moment stays in the order of cause and effect. */
export function happeningsOf(request: Request, grants: readonly Grant[], sessions: Session[]): Happening[] {
  return [
    ...decisionHappenings(request),
    ...grants.flatMap((grant) => grantHappenings(grant, grants.length > 1)),
    ...sessions.flatMap(sessionHappenings),
  ]
    .map((item, position) => ({ item, position }))
    .sort((a, b) => a.item.at.localeCompare(b.item.at) || a.position - b.position)
    .map(({ item }) => item);
}
