// More people and other policies in a running Sallyport, as an administrator would bring them in; and what no route
// sets (managers, sponsors, other accounts, the past), written into the store.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { principal } from '../../src/api/people.ts';
import { type Submitted, submitted } from '../../src/api/requests.ts';
import { newId } from '../../src/base/ids.ts';
import { type Answer, joinGroups, publishPolicies, type Sallyport } from './sallyport.ts';

export interface Company {
  store: pg.Client;
  /** Makes a person in these groups who can sign in. */
  hire(name: string, ...groups: string[]): Promise<void>;
  call(name: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer>;
  ask<S extends z.ZodType>(
    name: string,
    method: 'GET' | 'POST',
    path: string,
    answer: S,
    body?: unknown,
  ): Promise<z.output<S>>;
  /** Publishes this beside the policies over Sallyport itself; gives the cautions. */
  publish(cedar: string): Promise<string[]>;
  /** `more` overrides read-orders on orders-db for 30m. */
  request(name: string, more?: Record<string, unknown>, wait?: number): Promise<Submitted>;
  see(name: string, requestId: string): Promise<Submitted>;
  close(): Promise<void>;
}

const PLATFORM = `
permit (principal in Group::"administrators", action in [Action::"administer", Action::"changePolicy"], resource);
permit (principal in Group::"approvers", action == Action::"changePolicy", resource);
permit (principal in Group::"auditors", action == Action::"audit", resource);`;

export async function openCompany(sallyport: Sallyport): Promise<Company> {
  const store = new pg.Client({ connectionString: sallyport.storeUrl() });
  // A crash of the program takes its store along; whoever asks then hears of it.
  store.on('error', () => undefined);
  await store.connect();
  const tokens = new Map<string, string>();

  async function call(name: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const token = tokens.get(name) ?? sallyport.token(name as 'engineer');
    const response = await fetch(`${sallyport.server()}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  /** A token that went through nobody's hands, as after a sign-in at a provider: an administrator's would be theirs too. */
  async function signedIn(name: string): Promise<string> {
    const token = `sally_${randomBytes(32).toString('base64url')}`;
    await store.query(
      `insert into tokens (id, principal_id, kind, name, hash, expires_at)
       select $1, id, 'api', 'a test', $2, now() + interval '1 day' from principals where name = $3`,
      [newId('token'), createHash('sha256').update(token).digest(), name],
    );
    return token;
  }

  /** The process hears of a new set by an event, a moment after the answer. */
  async function inForce(digest: string): Promise<void> {
    const endsAt = Date.now() + 15_000;
    while (((await call('admin', 'GET', '/api/policy')).body as { digest: string }).digest !== digest) {
      assert.ok(Date.now() < endsAt, 'the published policies are not in force');
      await delay(20);
    }
  }

  const company: Company = {
    store,
    call,
    async ask(name, method, path, answer, body) {
      const got = await call(name, method, path, body);
      assert.ok(got.status < 300, `${name}: ${method} ${path}: ${got.status} ${JSON.stringify(got.body)}`);
      return answer.parse(got.body);
    },
    async hire(name, ...groups) {
      await company.ask('admin', 'POST', '/api/principals', principal, { name, displayName: name });
      if (groups.length > 0) await joinGroups(sallyport, name, groups);
      tokens.set(name, await signedIn(name));
    },
    async publish(cedar) {
      const files = { 'platform.cedar': PLATFORM, 'test.cedar': cedar };
      const cautions = await publishPolicies(sallyport, files);
      await inForce(
        (await company.ask('admin', 'GET', '/api/policy', z.object({ digest: z.string() }))).digest,
      );
      return cautions;
    },
    request: (name, more = {}, wait = 0) =>
      company.ask(name, 'POST', `/api/requests?wait=${wait}`, submitted, {
        target: 'orders-db',
        task: 'read-orders',
        duration: '30m',
        reason: 'a test',
        ...more,
      }),
    see: (name, requestId) => company.ask(name, 'GET', `/api/requests/${requestId}`, submitted),
    close: () => store.end(),
  };
  return company;
}

export const codeOf = ({ body }: Answer): string | undefined => (body as { code?: string }).code;
