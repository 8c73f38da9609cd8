// The demo: made once, found again at the next start. It only uses what an administrator would: it adds a target,
// tasks, people, policies. demo.json is written last, when everything that it speaks of works.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddTargetBody } from '../api/targets.ts';
import { SYSTEM_ACTOR } from '../audit/append.ts';
import type { Logger } from '../base/log.ts';
import { Secret } from '../base/secret.ts';
import { type Embedded, startEmbedded } from '../db/embedded/embedded.ts';
import type { GrantsContext } from '../grants/context.ts';
import { createPrincipal } from '../identity/principals.ts';
import { issueToken } from '../identity/tokens.ts';
import { publishPolicies } from '../policy/publish.ts';
import { fillOrdersDatabase, ORDERS_DATABASE, SALLYPORT_ADMIN } from './orders-database.ts';
import { DEMO_PRINCIPALS } from './people.ts';
import { DEMO_TASKS } from './tasks.ts';

export const DEMO_TARGET = 'orders-db';
const DEMO_SEGMENT = 'prod/eu/orders';
const TOKEN_DAYS = 24;
const CHECK_TIMEOUT_MS = 20_000;

export interface DemoTarget {
  /** The server that holds `orders-db`. */
  server: Embedded;
  /** Of Sallyport's administrator there. */
  password: Secret;
}

export function demoFile(dataFolder: string): string {
  return join(dataFolder, 'demo.json');
}

/** First of all at a start: nobody may read yesterday's tokens as today's. */
export function removeDemoFile(dataFolder: string): void {
  rmSync(demoFile(dataFolder), { force: true });
}

/** The target's server, filled; `started` gets it before that, so that it can be stopped. Errors: those of the embedded server. */
export async function startDemoTarget(
  dataFolder: string,
  log: Logger,
  say: (line: string) => void,
  signal: AbortSignal,
  started: (server: Embedded) => void,
): Promise<DemoTarget> {
  say('Starting the demo target orders-db (another real PostgreSQL 18) …');
  const server = await startEmbedded({
    folder: join(dataFolder, DEMO_TARGET),
    name: DEMO_TARGET,
    log,
    signal,
  });
  started(server);
  const password = randomBytes(24).toString('base64url');
  await fillOrdersDatabase(server.adminUrl, password);
  return { server, password: new Secret(password) };
}

/** Brings target, tasks, people and policies to what the demo needs; returns each principal's fresh token. */
export async function seedDemo(
  ctx: GrantsContext,
  demo: { server: Pick<Embedded, 'port'>; password: Secret },
): Promise<Map<string, string>> {
  const settings = { host: '127.0.0.1', port: demo.server.port, database: ORDERS_DATABASE, tls: 'off' };
  const admin = { user: SALLYPORT_ADMIN, password: demo.password };
  const known = await ctx.db
    .selectFrom('targets')
    .select('id')
    .where('name', '=', DEMO_TARGET)
    .executeTakeFirst();
  if (known !== undefined) await ctx.targets.update(known.id, { settings, admin });
  else await ctx.targets.add(demoTarget(settings, admin), SYSTEM_ACTOR);
  const tasks = new Set((await ctx.tasks.list()).map((task) => task.name));
  for (const task of DEMO_TASKS) if (!tasks.has(task.name)) await ctx.tasks.add(task, SYSTEM_ACTOR);
  // Once: what somebody publishes over the demo's policies stays.
  if (await ctx.policies.isStarter()) {
    await publishPolicies(ctx, { files: demoPolicies() });
    await ctx.policies.refresh();
  }
  const row = await ctx.targets.byName(DEMO_TARGET);
  await ctx.targets.check(row, SYSTEM_ACTOR, AbortSignal.timeout(CHECK_TIMEOUT_MS));
  return freshTokens(ctx);
}

function demoTarget(
  settings: Record<string, unknown>,
  admin: { user: string; password: Secret },
): AddTargetBody {
  return {
    name: DEMO_TARGET,
    kind: 'postgres',
    segment: DEMO_SEGMENT,
    environment: 'production',
    sensitivity: 'high',
    owner: 'team-orders',
    settings,
    admin: { user: admin.user, password: admin.password.reveal() },
  };
}

function demoPolicies(): Record<string, string> {
  const folder = join(import.meta.dirname, 'policies');
  const names = readdirSync(folder).filter((name) => name.endsWith('.cedar'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

// Tokens are kept as hashes only, so each start makes new ones and ends the old.
export async function freshTokens(ctx: GrantsContext): Promise<Map<string, string>> {
  return ctx.db.transaction().execute(async (trx) => {
    const tokens = new Map<string, string>();
    for (const person of DEMO_PRINCIPALS) {
      const found = await trx
        .selectFrom('principals')
        .select('id')
        .where('name', '=', person.name)
        .executeTakeFirst();
      const id = found?.id ?? (await createPrincipal(trx, person, SYSTEM_ACTOR)).id;
      await trx
        .updateTable('tokens')
        .set({ revoked_at: new Date() })
        .where('principal_id', '=', id)
        .where('name', '=', 'demo.json')
        .where('revoked_at', 'is', null)
        .execute();
      const issued = await issueToken(trx, {
        principalId: id,
        kind: 'api',
        name: 'demo.json',
        lifetimeSeconds: TOKEN_DAYS * 86_400,
        by: SYSTEM_ACTOR,
      });
      tokens.set(person.name, issued.token.reveal());
    }
    return tokens;
  });
}

/** Written whole, then renamed into place, with mode 0600. */
export function writeDemoFile(
  dataFolder: string,
  server: string,
  tokens: Map<string, string>,
  target: Pick<Embedded, 'url'>,
): void {
  const content = {
    server,
    people: Object.fromEntries([...tokens].map(([name, token]) => [name, { token }])),
    targets: { [DEMO_TARGET]: { admin: target.url(ORDERS_DATABASE) } },
  };
  const file = demoFile(dataFolder);
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
