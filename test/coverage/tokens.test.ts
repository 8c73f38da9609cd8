// Every route of the guard's table × every kind of credential × the address it comes from. Made from the table
// itself: a route that is added is called here without anybody thinking of it, and one without a scope fails.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { TOKEN_SCOPES, type TokenScope } from '../../src/api/people.ts';
import { newId } from '../../src/base/ids.ts';
import { type Access, GUARD, type RouteName } from '../../src/http/guard.ts';
import { ROUTE_SCOPE, type RouteScope } from '../../src/http/token-limits.ts';
import { type RawAnswer, type RawRequest, rawHttp } from '../harness/raw-http.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

const RIGHT_ADDRESS = '127.88.1.1';
const WRONG_ADDRESS = '127.99.1.1';
const RANGE = '127.88.0.0/16';

interface Made {
  name?: string;
  scopes?: readonly TokenScope[];
  addresses?: readonly string[];
  expires?: string;
  revoked?: boolean;
}

let sallyport: Sallyport;
let store: pg.Client;

before(async () => {
  sallyport = await startSallyport();
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
  await store.query(
    `insert into principals (id, kind, name, display_name, disabled_at) values ($1, 'person', 'gone', 'Gone', now())`,
    [newId('principal')],
  );
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
});

/** As the product stores them: there is no route that makes dead ones. */
async function make(made: Made): Promise<string> {
  const token = `sally_${randomBytes(32).toString('base64url')}`;
  await store.query(
    `insert into tokens (id, principal_id, kind, name, hash, expires_at, revoked_at, scopes, address_ranges)
     select $1, id, 'api', 'test', $2, now() + $3::interval, case when $4 then now() end, $5, $6
     from principals where name = $7`,
    [
      newId('token'),
      createHash('sha256').update(token).digest(),
      made.expires ?? '1 hour',
      made.revoked ?? false,
      made.scopes ?? null,
      made.addresses ?? null,
      made.name ?? 'admin',
    ],
  );
  return token;
}

async function cookieFor(token: string, from: string): Promise<string> {
  const answer = await rawHttp({
    server: sallyport.server(),
    method: 'POST',
    path: '/api/sign-in',
    body: { token },
    from,
  });
  assert.equal(answer.status, 200, answer.text);
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  return cookie.slice(0, cookie.indexOf(';'));
}

const names = Object.keys(GUARD) as RouteName[];
const signed = names.filter((name) => !['anyone', 'loopback'].includes(GUARD[name] satisfies Access));

/** Ids that are none: what is let in does nothing, and says so by another status than 401 and 403. */
function call(name: RouteName, more: Partial<RawRequest>): Promise<RawAnswer> {
  const [method = '', url = ''] = name.split(' ');
  const path = url.replaceAll(':name', 'no-such-thing').replaceAll(':id', 'tok_00000000000000000000000000');
  const body = method === 'GET' || method === 'DELETE' ? undefined : {};
  return rawHttp({ server: sallyport.server(), method, path, body, ...more });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** The metrics need none on this machine, and so look at no cookie. */
const credentials = (name: RouteName, token: string, cookie: string) =>
  GUARD[name] === 'metrics' ? [bearer(token)] : [bearer(token), { cookie, origin: sallyport.server() }];
/** SCIM's form of an error has no place for the code. */
const codeOf = (answer: RawAnswer) => answer.headers['sallyport-code'] ?? answer.json?.code;
const code = (answer: RawAnswer) => [answer.status, codeOf(answer)];
const scopeOf = (name: RouteName): RouteScope => ROUTE_SCOPE[name];

test('every route has its scope, and every scope a route', () => {
  assert.deepEqual(Object.keys(ROUTE_SCOPE).sort(), [...names].sort());
  for (const name of names) {
    const open = !signed.includes(name);
    assert.equal(scopeOf(name) === 'open', open, `${name} looks at a token exactly where the guard does`);
  }
  const used = new Set(names.map(scopeOf));
  for (const scope of TOKEN_SCOPES) assert.ok(used.has(scope), scope);
});

describe('a limited token', () => {
  test('of one scope opens exactly the routes of that scope', async () => {
    for (const scope of TOKEN_SCOPES) {
      const headers = bearer(await make({ scopes: [scope] }));
      for (const name of signed.filter((one) => one !== 'POST /api/sign-out')) {
        const needed = scopeOf(name);
        const answer = await call(name, { headers, from: RIGHT_ADDRESS });
        if (needed !== 'any' && needed !== scope)
          assert.deepEqual(code(answer), [403, 'token-scope'], `${name} with ${scope}`);
        else assert.notEqual(codeOf(answer), 'token-scope', `${name} with ${scope}`);
      }
    }
  });

  test('with every scope but the one that is needed is refused, and so is the cookie made of it', async () => {
    for (const scope of TOKEN_SCOPES) {
      const token = await make({ scopes: TOKEN_SCOPES.filter((one) => one !== scope) });
      const cookie = await cookieFor(token, RIGHT_ADDRESS);
      for (const name of signed.filter((one) => scopeOf(one) === scope)) {
        for (const headers of credentials(name, token, cookie))
          assert.deepEqual(
            code(await call(name, { headers, from: RIGHT_ADDRESS })),
            [403, 'token-scope'],
            name,
          );
      }
    }
  });

  test('never gives what its principal may not do', async () => {
    const headers = bearer(await make({ name: 'engineer', scopes: TOKEN_SCOPES }));
    for (const name of signed.filter((one) => ['administer', 'audit', 'changePolicy'].includes(GUARD[one]))) {
      const refusal = scopeOf(name) === 'whole' ? 'token-scope' : 'may-not';
      assert.deepEqual(code(await call(name, { headers })), [403, refusal], name);
    }
  });

  test('of another address is refused on every route, streams included, whatever headers say', async () => {
    const token = await make({ addresses: [RANGE, 'fd00::/8'] });
    const cookie = await cookieFor(token, RIGHT_ADDRESS);
    for (const name of signed) {
      for (const credential of credentials(name, token, cookie)) {
        for (const claim of [{}, { 'x-forwarded-for': RIGHT_ADDRESS, 'x-real-ip': RIGHT_ADDRESS }]) {
          const answer = await call(name, { headers: { ...credential, ...claim }, from: WRONG_ADDRESS });
          assert.deepEqual(code(answer), [403, 'token-address'], name);
        }
      }
      // How people sign in is for no limited token, and done in a browser.
      if (scopeOf(name) === 'whole' || name.startsWith('POST /api/step-up')) continue;
      if (name === 'POST /api/sign-out') continue;
      const answer = await call(name, { headers: bearer(token), from: RIGHT_ADDRESS });
      // Nobody but a directory may be one.
      const mayNot = GUARD[name] === 'directory' && codeOf(answer) === 'may-not';
      assert.ok(mayNot || ![401, 403].includes(answer.status), `${name} from its own: ${answer.text}`);
    }
    const signIn = await rawHttp({
      server: sallyport.server(),
      method: 'POST',
      path: '/api/sign-in',
      body: { token },
      from: WRONG_ADDRESS,
    });
    assert.deepEqual(code(signIn), [403, 'token-address'], 'nor is it exchanged from there');
    assert.equal(signIn.headers['set-cookie'], undefined);
  });
});

describe('a token that is worth nothing', () => {
  const dead: Record<string, Made> = {
    expired: { expires: '-1 second' },
    revoked: { revoked: true },
    disabled: { name: 'gone' },
  };
  for (const [why, made] of Object.entries(dead)) {
    test(`${why}: 401 on every route, and one entry a minute in the log`, async () => {
      const token = await make(made);
      let from = 0;
      for (const name of signed) {
        from += 1;
        const answer = await call(name, { headers: bearer(token), from: `127.90.${from}.1` });
        assert.deepEqual(code(answer), [401, 'unauthenticated'], name);
      }
      assert.deepEqual(await refusals(token), [{ why, route: signed[0], address: '127.90.1.1' }]);
    });
  }

  test('one that never was leaves nothing in the log', async () => {
    const { rows: before } = await store.query('select count(*) from audit_entries');
    const answer = await call('GET /api/me', { headers: bearer(`sally_${'D'.repeat(43)}`) });
    assert.equal(answer.status, 401);
    const { rows: afterwards } = await store.query('select count(*) from audit_entries');
    assert.deepEqual(afterwards, before);
  });

  test('no credential at all is 401', async () => {
    for (const name of signed.filter((one) => GUARD[one] !== 'metrics'))
      assert.deepEqual(code(await call(name, {})), [401, 'unauthenticated'], name);
  });
});

async function refusals(token: string): Promise<unknown[]> {
  const { rows } = await store.query(
    `select leaf::jsonb -> 'detail' ->> 'why' as why, leaf::jsonb -> 'detail' ->> 'route' as route,
       leaf::jsonb ->> 'sourceAddress' as address
     from audit_entries e join tokens t on t.id = e.leaf::jsonb -> 'detail' ->> 'tokenId'
     where e.kind = 'token.refused' and t.hash = $1 order by seq`,
    [createHash('sha256').update(token).digest()],
  );
  return rows;
}

test('a live stream ends soon after its token', async () => {
  const token = await make({});
  const stream = await fetch(`${sallyport.server()}/api/events`, { headers: bearer(token) });
  const reader = stream.body?.getReader();
  assert.match(Buffer.from((await reader?.read())?.value ?? []).toString(), /welcome/);
  await store.query('update tokens set revoked_at = now() where hash = $1', [
    createHash('sha256').update(token).digest(),
  ]);
  let over = false;
  // It ends by itself; a stream that goes on lets the test run into its limit.
  while (!over) over = (await reader?.read())?.done ?? true;
});

test('one who opens live streams without end takes none from others', async () => {
  const gone = new AbortController();
  const open = async (token: string) => {
    const { status } = await fetch(`${sallyport.server()}/api/events`, {
      ...{ headers: bearer(token), signal: gone.signal },
    });
    return status;
  };
  const [many, other] = [await make({ name: 'deploy-bot' }), await make({ name: 'engineer' })];
  const answers = await Promise.all(Array.from({ length: 60 }, () => open(many)));
  const own = await open(other);
  gone.abort();
  assert.deepEqual(
    [answers.filter((status) => status === 200).length, answers.filter((status) => status === 429).length],
    [50, 10],
  );
  assert.equal(own, 200);
});
