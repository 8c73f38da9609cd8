// Ninety days of requests, as a company of teams leaves them behind: what the replay is measured on. 3,000 people and
// 300 services in the teams of the policy world. A person works on one to five targets of the own team (one request in
// thirty is for another team's), does one of four tasks, asks for one of two usual durations or, one time in eight, for
// any other, from the office or from home, on working days between eight and six, one time in twelve at any other hour;
// is on call every eighth week; names another ticket each time where the task wants one. A service asks for the same
// from one address at any hour. Some are busy and some are not: the busiest tenth asks for four in ten. Requests only:
// they are the dearest kind of decision, so that sessions would make the figure better. Made from a seed.

import type { DecisionFacts } from '../src/policy/engine/facts.ts';
import { pickAt, randomFrom, type TeamSegment } from './policy-world.ts';

const PEOPLE = 3_000;
const SERVICES = 300;
const DAYS = 90;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const TEAM_SHARE = 29 / 30;
const USUAL_SHARE = 7 / 8;
const OFFICE_HOURS_SHARE = 11 / 12;
/** The larger, the more of all that the busiest ask. */
const BUSY = 2.2;
const FROM_MS = Date.parse('2026-08-24T00:00:00Z');
const PERSON_TASKS = ['read', 'read', 'read', 'fix', 'restart', 'change'] as const;
const SERVICE_TASKS = ['read', 'restart'] as const;
const DURATIONS = [600, 900, 1800, 3600, 7200, 14_400, 28_800] as const;

interface Requester {
  facts: DecisionFacts['principal'];
  targets: DecisionFacts['target'][];
  addresses: readonly string[];
  durations: readonly number[];
  onCallWeek: number;
}

/** `next()` is one request; the facts of its kind repeat, its moment and ticket do not. */
export function makeHistory(segments: readonly TeamSegment[], seed = 7): { next(): DecisionFacts } {
  const random = randomFrom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const pick = <T>(from: readonly T[]) => pickAt(from, below(from.length));
  const targetIn = ({ team, path }: TeamSegment): DecisionFacts['target'] => ({
    name: `db-${path.replaceAll('/', '-')}-${below(4)}`,
    segment: random() < 0.3 ? `${path}/replicas` : path,
    environment: path.startsWith('prod') ? 'production' : 'staging',
    kind: 'postgres',
    sensitivity: pick(['low', 'normal', 'normal', 'normal', 'high']),
    owner: team,
  });
  const requesterAt = (index: number): Requester => {
    const isPerson = index < PEOPLE;
    const { team } = pick(segments);
    const own = segments.filter((one) => one.team === team);
    return {
      facts: {
        id: `prn_${index}`,
        kind: isPerson ? 'person' : 'service',
        name: `${isPerson ? 'person' : 'service'}-${index}`,
        groups: ['everybody', 'engineering', team, ...(random() < 0.2 ? [`${team}-on-call`] : [])],
        accountType: isPerson && random() < 0.2 ? 'contractor' : 'employee',
        title: isPerson ? 'Engineer' : null,
        onCall: false,
        managerId: isPerson ? `prn_${index % 200}` : null,
        sponsorId: null,
      },
      targets: Array.from({ length: 1 + below(5) }, () => targetIn(pick(own))),
      addresses: isPerson
        ? [`10.${below(20)}.${below(250)}.${1 + below(250)}`, `10.150.${below(250)}.${1 + below(250)}`]
        : [`10.30.${below(250)}.${1 + below(250)}`],
      durations: [pick(DURATIONS.slice(0, 4)), pick(DURATIONS.slice(0, 5))],
      onCallWeek: below(8),
    };
  };
  const requesters = Array.from({ length: PEOPLE + SERVICES }, (_, index) => requesterAt(index));
  const momentOf = (isPerson: boolean) => {
    const atOffice = isPerson && random() < OFFICE_HOURS_SHARE;
    let day = below(DAYS);
    while (atOffice && day % 7 > 4) day = below(DAYS);
    const ofDayMs = atOffice ? 7 * HOUR_MS + below(10 * HOUR_MS) : below(DAY_MS);
    return { day, nowMs: FROM_MS + day * DAY_MS + ofDayMs };
  };
  let tickets = 0;
  const next = (): DecisionFacts => {
    // In an order that has nothing to do with teams.
    const busiest = Math.floor(requesters.length * random() ** BUSY);
    const { facts, targets, addresses, durations, onCallWeek } = pickAt(requesters, busiest * 7919);
    const isPerson = facts.kind === 'person';
    const task = isPerson ? pick(PERSON_TASKS) : pick(SERVICE_TASKS);
    const target = random() < TEAM_SHARE ? pick(targets) : targetIn(pick(segments));
    const { day, nowMs } = momentOf(isPerson);
    return {
      principal: { ...facts, onCall: isPerson && Math.floor(day / 7) % 8 === onCallWeek },
      target,
      task: { name: `${task}-${target.owner}`, ancestors: [task] },
      context: {
        sourceIp: pick(addresses),
        nowMs,
        timeZone: 'Europe/Berlin',
        durationSeconds: random() < USUAL_SHARE ? pick(durations) : pick(DURATIONS),
        purpose: `look into ticket ${tickets}`,
        ticket: task === 'change' || random() < 0.3 ? `CHG-${tickets++}` : null,
        mfaAgeSeconds: isPerson && random() < 0.5 ? below(8 * 3600) : null,
      },
    };
  };
  return { next };
}
