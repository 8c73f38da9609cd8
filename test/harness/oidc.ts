// A real OpenID provider (the package oidc-provider) for tests: people who sign in without a form, clients as the test
// names them, and a hook that replaces the ID token, so that forged answers come from where real ones do.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

export interface OidcClient {
  id: string;
  secret: string;
  redirectUri: string;
  afterSignOut: string;
}

export interface TestProvider {
  issuer: string;
  /** Claims by subject; changed at will. */
  people: Map<string, Record<string, unknown>>;
  /** Who signs in next, by subject; null: the provider refuses. */
  signsIn: string | null;
  /** Given the claims of the real ID token, gives another token instead. */
  forge: ((claims: JWTPayload) => Promise<string>) | null;
  /** Signs with the provider's own key. */
  sign(claims: JWTPayload): Promise<string>;
  /** Goes there as a browser and follows until it leaves the provider: the address that it is sent to. */
  visit(url: string): Promise<string>;
  /** Refuses connections, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const MOST_STEPS = 12;

export async function startOidcProvider(client: OidcClient): Promise<TestProvider> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig' };
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const people = new Map<string, Record<string, unknown>>();
  const oidc = new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: [client.redirectUri],
        post_logout_redirect_uris: [client.afterSignOut],
      },
    ],
    jwks: { keys: [jwk] },
    cookies: { keys: ['a key of the test'] },
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'title', 'employee_type'],
      groups: ['groups'],
    },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
  });
  oidc.use(async (ctx, next) => {
    await next();
    const body: unknown = ctx.body;
    if (provider.forge === null || ctx.path !== '/token' || !isTokens(body)) return;
    const [, payload = ''] = body.id_token.split('.');
    body.id_token = await provider.forge(JSON.parse(Buffer.from(payload, 'base64url').toString()));
  });

  const answer = oidc.callback();
  let server: Server | null = null;

  async function interact(...[request, response]: Parameters<typeof answer>): Promise<void> {
    const { prompt, params, session } = await oidc.interactionDetails(request, response);
    if (provider.signsIn === null) {
      const error = { error: 'access_denied', error_description: 'No.' };
      return oidc.interactionFinished(request, response, error);
    }
    if (prompt.name === 'login') {
      const login = { accountId: provider.signsIn };
      return oidc.interactionFinished(request, response, { login });
    }
    const grant = new oidc.Grant({
      accountId: session?.accountId ?? provider.signsIn,
      clientId: String(params.client_id),
    });
    grant.addOIDCScope(String(params.scope));
    const consent = { grantId: await grant.save() };
    return oidc.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  }

  const provider: TestProvider = {
    issuer,
    people,
    signsIn: null,
    forge: null,
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(privateKey),
    async visit(url) {
      const jar = new Map<string, string>();
      let at = url;
      for (let step = 0; step < MOST_STEPS && at.startsWith(issuer); step++) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
        const got = await fetch(at, { redirect: 'manual', headers: { cookie } });
        for (const one of got.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(one) ?? [];
          jar.set(name, value);
        }
        const to = got.headers.get('location');
        if (to === null) throw new Error(`${at} answered ${got.status}: ${(await got.text()).slice(0, 300)}`);
        at = new URL(to, at).href;
      }
      return at;
    },
    async down() {
      const running = server;
      server = null;
      running?.closeAllConnections();
      await new Promise((resolve) => (running === null ? resolve(null) : running.close(resolve)));
    },
    async up() {
      const starting = createServer((request, response) => {
        if (request.url?.startsWith('/interaction/')) {
          interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
        } else void answer(request, response);
      });
      await new Promise<void>((resolve) => starting.listen(port, '127.0.0.1', resolve));
      server = starting;
    },
    [Symbol.asyncDispose]: () => provider.down(),
  };
  await provider.up();
  return provider;
}

function isTokens(body: unknown): body is { id_token: string } {
  return typeof body === 'object' && body !== null && 'id_token' in body && typeof body.id_token === 'string';
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
