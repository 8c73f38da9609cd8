// The OpenID provider that people sign in at: discovery that is retried in bounds, the address to send a browser to,
// and the exchange of an answer for claims. openid-client checks the answer (state, nonce, PKCE, issuer, audience,
// expiry, and by the non-repudiation checks the signature too); nothing here knows people.

import * as openid from 'openid-client';
import { Failure, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import { monotonicMs } from '../base/timer.ts';

export interface OidcSettings {
  name: string;
  issuer: string;
  clientId: string;
  clientSecret: Secret | null;
  scopes: string[];
  claims: { login: string; name: string; groups: string; accountType: string | null; title: string | null };
  groups: Record<string, string>;
  allowedGroups: string[] | null;
  unknownPeople: 'refuse' | 'create';
  signOutAtProvider: boolean;
}

/** What a browser must bring back, all derived from its own secret. */
export interface Checks {
  state: string;
  nonce: string;
  pkce: string;
}

export type Claims = Record<string, unknown> & { iss: string; sub: string };

export interface OidcProvider {
  readonly settings: OidcSettings;
  /** Whether it answers; asked at most every 30 s, and less often while it does not. Never throws. */
  reachable(): Promise<boolean>;
  /** Where to send the browser. Errors: `provider-unreachable`. */
  authorizationUrl(redirectUri: string, checks: Checks): Promise<string>;
  /**
   * The claims of the ID token, completed by the userinfo endpoint. `answer` is the whole address that the provider
   * sent the browser to. Errors: `provider-unreachable`, `provider-refused`, `answer-refused`.
   */
  exchange(answer: URL, checks: Checks): Promise<Claims>;
  /** Where the browser ends its session at the provider; null when it offers none. Asks nobody. */
  signOutUrl(after: string): string | null;
}

const CALL_TIMEOUT_SECONDS = 5;
const FRESH_MS = 30_000;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;

export function createOidcProvider(ctx: { log: Logger }, settings: OidcSettings): OidcProvider {
  let known: { config: openid.Configuration; at: number } | null = null;
  let failed: { at: number; waitMs: number } | null = null;
  let asking: Promise<openid.Configuration> | null = null;

  async function discover(): Promise<openid.Configuration> {
    const insecure = settings.issuer.startsWith('http:') ? [openid.allowInsecureRequests] : [];
    try {
      const config = await openid.discovery(
        new URL(settings.issuer),
        settings.clientId,
        {},
        settings.clientSecret === null
          ? openid.None()
          : openid.ClientSecretBasic(settings.clientSecret.reveal()),
        { timeout: CALL_TIMEOUT_SECONDS, execute: [...insecure, openid.enableNonRepudiationChecks] },
      );
      known = { config, at: monotonicMs() };
      failed = null;
      return config;
    } catch (error) {
      const waitMs = Math.min(LONGEST_RETRY_MS, failed === null ? FIRST_RETRY_MS : failed.waitMs * 2);
      failed = { at: monotonicMs(), waitMs };
      ctx.log.warn(
        { issuer: settings.issuer, reason: messageOf(error), cause: messageOf(causeOf(error)) },
        'the identity provider does not answer',
      );
      throw unreachable(settings.name, error);
    }
  }

  // One question at a time, whoever asks.
  function configuration(): Promise<openid.Configuration> {
    if (known !== null && monotonicMs() - known.at < FRESH_MS) return Promise.resolve(known.config);
    if (failed !== null && monotonicMs() - failed.at < failed.waitMs)
      return Promise.reject(unreachable(settings.name));
    asking ??= discover().finally(() => {
      asking = null;
    });
    return asking;
  }

  return {
    settings,
    reachable: () =>
      configuration().then(
        () => true,
        () => false,
      ),
    async authorizationUrl(redirectUri, checks) {
      const url = openid.buildAuthorizationUrl(await configuration(), {
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        state: checks.state,
        nonce: checks.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(checks.pkce),
        code_challenge_method: 'S256',
      });
      return url.href;
    },
    async exchange(answer, checks) {
      const config = await configuration();
      try {
        const tokens = await openid.authorizationCodeGrant(config, answer, {
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          pkceCodeVerifier: checks.pkce,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined) throw new Error('There is no ID token.');
        if (config.serverMetadata().userinfo_endpoint === undefined || hasAll(settings, claims))
          return claims;
        const more = await openid.fetchUserInfo(config, tokens.access_token, claims.sub);
        // What was signed for this sign-in stands above what was asked for afterwards.
        return { ...more, ...claims };
      } catch (error) {
        throw exchangeFailure(settings.name, error);
      }
    },
    signOutUrl(after) {
      if (!settings.signOutAtProvider || known === null) return null;
      if (known.config.serverMetadata().end_session_endpoint === undefined) return null;
      return openid.buildEndSessionUrl(known.config, {
        client_id: settings.clientId,
        post_logout_redirect_uri: after,
      }).href;
    },
  };
}

function hasAll({ claims: names }: OidcSettings, claims: Record<string, unknown>): boolean {
  return Object.values(names).every((name) => name === null || claims[name] !== undefined);
}

const OUR_NETWORK =
  /^(ECONN|EAI_|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR|OAUTH_TIMEOUT|OAUTH_RESPONSE_IS_NOT_CONFORM)/;

function exchangeFailure(name: string, error: unknown): Failure {
  if (error instanceof openid.AuthorizationResponseError) {
    return new Failure('denied', 'provider-refused', `${name} did not sign you in.`, {
      hint: 'Try again, or another way.',
      cause: error,
    });
  }
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : '';
    if (OUR_NETWORK.test(code) || at.name === 'TimeoutError') return unreachable(name, error);
  }
  return new Failure('denied', 'answer-refused', `The answer of ${name} was not believed.`, {
    hint: 'Sign in again; if it stays so, ask an administrator to look into the log.',
    cause: error,
  });
}

function unreachable(name: string, cause?: unknown): Failure {
  return new Failure('unavailable', 'provider-unreachable', `${name} cannot be reached now.`, {
    hint: 'Sign in another way, or try again shortly. Who is signed in goes on.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
