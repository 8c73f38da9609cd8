// Whatever stands in an answer (names of a database, file names of a host, reasons of people, words of errors), nothing of it
// steers the terminal of whoever reads it. Every command that shows something is run against answers that hold escape
// sequences wherever a schema takes them; what is shown shows them as text.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import {
  createSally,
  type FixtureServer,
  GRANT_ID,
  REQUEST_ID,
  type Sally,
  SESSION_ID,
  startFixtureServer,
  TOKEN,
} from '../../test/harness/cli.ts';
import { HOSTILE, hostileSample, STEERING } from '../../test/harness/hostile-sample.ts';
import { auditEntry } from '../api/audit.ts';
import { brokenGlassList, review } from '../api/break-glass.ts';
import { delegation, shift } from '../api/duty.ts';
import { grant, receipt } from '../api/grants.ts';
import { health } from '../api/health.ts';
import { keysAnswer } from '../api/keys.ts';
import { kill } from '../api/kills.ts';
import { kitList } from '../api/kits.ts';
import { labelList, suggestedLabels } from '../api/labels.ts';
import { notice } from '../api/notices.ts';
import { me, principal, token } from '../api/people.ts';
import { group, peopleChange } from '../api/people-changes.ts';
import { proposal, publishedSet } from '../api/policy-changes.ts';
import { replicaList } from '../api/replicas.ts';
import { request, submitted } from '../api/requests.ts';
import { segment } from '../api/segments.ts';
import { session, sessionDetail, sessionLive, sessionMeasures } from '../api/sessions.ts';
import { statementCard } from '../api/statements.ts';
import { checkReport, standingAccess, target, task } from '../api/targets.ts';

const overNow = sessionLive.extend({ session: session.extend({ live: z.literal(false) }) });
const items = (schema: z.ZodType) => z.object({ items: z.array(schema), nextCursor: z.null() });

/** What is run, what it asks, and the schema of the answer. */
const SHOWS: readonly (readonly [words: string, route: string, answer: z.ZodType])[] = [
  ['whoami', 'GET /api/me', me],
  ['grants', 'GET /api/grants', items(grant)],
  ['requests', 'GET /api/requests', items(request)],
  ['sessions', 'GET /api/sessions', items(session)],
  [`session ${SESSION_ID}`, 'GET /api/sessions/:id', sessionDetail],
  [`session ${SESSION_ID} --measures`, 'GET /api/sessions/:id/measures', sessionMeasures],
  [`session ${SESSION_ID} --follow`, 'GET /api/sessions/:id/live', overNow],
  ['statements', 'GET /api/statements', items(statementCard)],
  ['notices', 'GET /api/notices', items(notice)],
  ['health', 'GET /api/health', health],
  ['replicas list', 'GET /api/replicas', replicaList],
  ['target list', 'GET /api/targets', items(target)],
  ['target check orders-db', 'POST /api/targets/:name/check', checkReport],
  ['target standing-access orders-db', 'GET /api/targets/:name/standing-access', items(standingAccess)],
  ['task list', 'GET /api/tasks', items(task)],
  ['segment list', 'GET /api/segments', items(segment)],
  ['group list', 'GET /api/groups', items(group)],
  ['principal list', 'GET /api/principals', items(principal)],
  ['principal tokens list engineer', 'GET /api/principals/:name/tokens', items(token)],
  ['principal changes', 'GET /api/people-changes', items(peopleChange)],
  ['label list orders-db', 'GET /api/targets/:name/labels', labelList],
  ['label suggest orders-db', 'POST /api/targets/:name/labels/suggest', suggestedLabels],
  ['kill list', 'GET /api/kills', items(kill)],
  ['reviews list', 'GET /api/reviews', items(review)],
  ['break-glass kit list', 'GET /api/kits', kitList],
  ['audit search x', 'GET /api/audit/entries', items(auditEntry)],
  [`receipt ${GRANT_ID}`, 'GET /api/grants/:id/receipt', receipt],
  ['policy history', 'GET /api/policy/history', items(publishedSet)],
  ['policy changes', 'GET /api/policy/proposals', items(proposal)],
  ['keys status', 'GET /api/keys', keysAnswer],
  ['on-call list', 'GET /api/on-call', items(shift)],
  ['delegate list', 'GET /api/delegations', items(delegation)],
  [`cancel ${REQUEST_ID}`, 'POST /api/requests/:id/cancel', submitted],
];

/** As text. */
const SHOWN = /\\x1b|\\u001b/;
/** They show names of people, groups and tasks only, which hold no such thing: the schema says so. */
const NAMES_ONLY = new Set(['on-call list', 'delegate list', `cancel ${REQUEST_ID}`]);
const LAST = { nextCursor: null };

describe('hostile answers', () => {
  let server: FixtureServer;
  let sally: Sally;
  before(async () => {
    server = await startFixtureServer();
    // Asked along the way.
    server.on('GET /api/break-glass', () => ({ body: { ...hostileSample(brokenGlassList), ...LAST } }));
    sally = createSally({ SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN });
  });
  after(async () => {
    sally.remove();
    await server.close();
  });

  for (const [words, route, answer] of SHOWS) {
    test(`sally ${words}`, { timeout: 60_000 }, async () => {
      // To an end: there is no further page, and what is followed is over.
      const body = Object.assign({}, hostileSample(answer), LAST);
      server.on(route, () => ({ body }));
      // All commands make JSON in one place, but for those that make it line by line.
      for (const more of words === 'sessions' || words.endsWith('--follow') ? [[], ['--json']] : [[]]) {
        const ran = await sally.run([...words.split(' '), ...more]);
        const said = ran.stdout + ran.stderr;
        assert.notEqual(ran.code, 2, said);
        assert.doesNotMatch(said, STEERING, JSON.stringify(said));
        assert.doesNotMatch(said, /^forged: line/m, said);
        if (NAMES_ONLY.has(words)) assert.doesNotMatch(said, SHOWN);
        else assert.match(said, SHOWN, `nothing of it is shown: ${said}`);
      }
    });
  }

  test('what the server says went wrong', async () => {
    const problem = {
      title: HOSTILE,
      detail: HOSTILE,
      hint: HOSTILE,
      field: HOSTILE,
      facts: { [HOSTILE]: HOSTILE },
    };
    server.on('GET /api/grants', () => ({
      status: 403,
      body: { type: 'https://sallyport.dev/problems/x', status: 403, code: 'denied', ...problem },
    }));
    for (const more of [[], ['--json']]) {
      const ran = await sally.run(['grants', ...more]);
      assert.notEqual(ran.code, 0);
      assert.doesNotMatch(ran.stdout + ran.stderr, STEERING);
      assert.match(ran.stderr, SHOWN);
    }
  });
});
