// Whose call it is, by address, with proxies in front and without: the proxies that the configuration names are
// believed, and nobody else. Real calls from addresses of this machine, each of which plays a part.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type MainProcess, runMain } from '../harness/main-process.ts';
import { rawHttp } from '../harness/raw-http.ts';

const STRANGER = '127.9.9.9';
const OUTER_PROXY = '127.20.0.1';
const INNER_PROXY = '127.30.0.1';
const CLIENT = '203.0.113.7';

let folder: string;
let program: MainProcess;
const admin = `sally_${randomBytes(32).toString('base64url')}`;
let limited: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-address-'));
  const tokenHash = createHash('sha256').update(admin).digest('hex');
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `http: { trustedProxies: [127.20.0.0/16, 127.30.0.1, 2001:db8::/32] }
firstAdministrator: { name: ada, displayName: Ada, tokenHash: "${tokenHash}" }
`,
  );
  program = runMain({ SALLY_CONFIG: join(folder, 'sallyport.yaml') }, folder);
  await program.ready();
  const issued = await rawHttp({
    server: program.server(),
    method: 'POST',
    path: '/api/principals/ada/tokens',
    headers: { authorization: `Bearer ${admin}` },
    body: { addresses: ['203.0.113.0/24', 'fd00::/8'] },
  });
  assert.equal(issued.status, 201, issued.text);
  limited = String(issued.json?.token);
});
after(async () => {
  await program?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The address as Sallyport tells it to somebody whose token does not work from there, or `let in`, or the code. */
async function seen(from: string, forwardedFor?: string | string[]): Promise<string> {
  const answer = await rawHttp({
    server: program.server(),
    path: '/api/me',
    from,
    headers: {
      authorization: `Bearer ${limited}`,
      'x-real-ip': CLIENT,
      forwarded: `for=${CLIENT}`,
      ...(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }),
    },
  });
  if (answer.status === 200) return 'let in';
  const told = /does not work from (.+)\.$/.exec(String(answer.json?.detail));
  return told?.[1] ?? String(answer.json?.code);
}

test('from a stranger the header counts for nothing', async () => {
  for (const claim of [
    undefined,
    CLIENT,
    `${CLIENT}, ${OUTER_PROXY}`,
    `${OUTER_PROXY}, ${INNER_PROXY}`,
    'junk',
  ])
    assert.equal(await seen(STRANGER, claim), STRANGER, String(claim));
});

test('behind one proxy it is the last address, whatever the client wrote before it', async () => {
  assert.equal(await seen(OUTER_PROXY, CLIENT), 'let in');
  assert.equal(await seen(OUTER_PROXY, `${CLIENT}, 198.51.100.1`), '198.51.100.1');
  assert.equal(await seen(OUTER_PROXY, `junk, ${CLIENT}`), 'let in', 'nobody reads what the client wrote');
  assert.equal(await seen(OUTER_PROXY, [CLIENT, '198.51.100.1']), '198.51.100.1', 'two headers are one list');
  assert.equal(await seen(OUTER_PROXY, 'fd00::1'), 'let in');
  assert.equal(await seen(OUTER_PROXY, '[FD00:0::1]:4711'), 'let in');
  assert.equal(await seen(OUTER_PROXY, `${CLIENT}:4711`), 'let in');
  assert.equal(await seen(OUTER_PROXY, `::ffff:${CLIENT}`), 'let in');
  assert.equal(await seen(OUTER_PROXY), OUTER_PROXY, 'without a header it is the proxy itself');
});

test('behind two it is the one before both, and a claim of being one of them does not help', async () => {
  assert.equal(await seen(INNER_PROXY, `${CLIENT}, ${OUTER_PROXY}`), 'let in');
  assert.equal(await seen(INNER_PROXY, `${CLIENT}, 198.51.100.1, ${OUTER_PROXY}`), '198.51.100.1');
  assert.equal(await seen(INNER_PROXY, `${CLIENT}, ${STRANGER}`), STRANGER, 'came past the outer one');
  assert.equal(await seen(INNER_PROXY, `${CLIENT}, 2001:db8::5`), 'let in');
  assert.equal(await seen(INNER_PROXY, OUTER_PROXY), OUTER_PROXY, 'the proxy calls for itself');
});

test('where a trusted proxy sends what is no address, nobody guesses', async () => {
  for (const value of [
    'unknown',
    '_hidden',
    '203.0.113',
    '203.0.113.7.1',
    '999.0.113.7',
    '0xcb007107',
    '203.0.113.7; evil',
    `${CLIENT}, `,
    `, ${OUTER_PROXY}`,
    `${CLIENT},,${OUTER_PROXY}`,
    '[fd00::1',
    'localhost',
    'a'.repeat(5_000),
    Array(30).fill(OUTER_PROXY).join(', '),
  ])
    assert.equal(await seen(INNER_PROXY, value), 'bad-forwarded-for', value.slice(0, 60));
});

test('failures are counted for the client and not for its proxy', async () => {
  const wrong = (client: string) =>
    rawHttp({
      server: program.server(),
      path: '/api/me',
      from: OUTER_PROXY,
      headers: { authorization: `Bearer sally_${'E'.repeat(43)}`, 'x-forwarded-for': client },
    });
  let last = 0;
  for (let i = 0; i < 40; i++) last = (await wrong('203.0.113.50')).status;
  assert.equal(last, 429);
  assert.equal((await wrong('203.0.113.51')).status, 401);
});

test('what came through a proxy on this machine is not from this machine', async () => {
  const metrics = (headers: Record<string, string>) =>
    rawHttp({ server: program.server(), path: '/metrics', from: OUTER_PROXY, headers });
  assert.equal((await metrics({ 'x-forwarded-for': CLIENT })).status, 401);
});
