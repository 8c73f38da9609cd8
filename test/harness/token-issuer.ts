// An issuer of jobs' tokens, as GitHub, GitLab or a cluster is one: its own keys, discovery, and whatever it is told to
// sign. One server plays several issuers, one a path.

import { createServer, type Server } from 'node:http';
import {
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';

export interface TokenIssuer {
  /** The address of the issuer of that name. */
  issuer(name: string): string;
  /** Signed with the newest key. What `claims` leaves out (undefined takes it away): iss, iat now, exp in five minutes, a new jti. */
  sign(name: string, claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  publicJwk(): JWK;
  /** From now on another key signs; the old one is no longer told. */
  rotate(): Promise<void>;
  /** Answers nothing but this status for the keys from now on; null: as usual. */
  fail(status: number | null): void;
  /** How often the keys were asked for. */
  fetches(): number;
  close(): Promise<void>;
}

export async function startTokenIssuer(alg: 'RS256' | 'ES256' = 'RS256'): Promise<TokenIssuer> {
  let count = 0;
  let failing: number | null = null;
  let fetches = 0;
  const make = async () => {
    const pair = await generateKeyPair(alg, { extractable: true });
    count += 1;
    const kid = `key-${count}`;
    return { kid, pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
  };
  let key = await make();
  const server: Server = createServer((request, response) => {
    const [, name = '', ...rest] = (request.url ?? '').split('/');
    const path = rest.join('/');
    const answer =
      path === '.well-known/openid-configuration'
        ? { issuer: `${origin()}/${name}`, jwks_uri: `${origin()}/${name}/keys` }
        : path === 'keys'
          ? { keys: [key.jwk] }
          : null;
    if (path === 'keys') fetches += 1;
    const status = answer === null ? 404 : (failing ?? 200);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = () => {
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  };
  return {
    issuer: (name) => `${origin()}/${name}`,
    sign(name, claims, header) {
      const now = Math.floor(Date.now() / 1000);
      const usual: JWTHeaderParameters = { alg, kid: key.kid, typ: 'JWT' };
      const payload: JWTPayload = {
        iss: `${origin()}/${name}`,
        iat: now,
        exp: now + 300,
        jti: crypto.randomUUID(),
      };
      return new SignJWT(Object.assign(payload, claims))
        .setProtectedHeader(Object.assign(usual, header))
        .sign(key.pair.privateKey);
    },
    publicJwk: () => key.jwk,
    async rotate() {
      key = await make();
    },
    fail(status) {
      failing = status;
    },
    fetches: () => fetches,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
