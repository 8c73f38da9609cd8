// From a client's first try to a session: the proof, admission, the host. An unknown login, a foreign secret and a wrong
// one look the same. Whoever has proven itself and still may not come in is told why on its screen, since SSH itself has
// no words for it.

import { timingSafeEqual } from 'node:crypto';
import type { AuthContext, AuthenticationType } from 'ssh2';
import { Failure, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { scramKeys } from '../../base/scram.ts';
import type { HostTicket, SessionAdmission } from '../../grants/session-ticket.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import type { LiveSession } from '../../sessions/live-session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { FailureLimit } from '../failure-limit.ts';
import { connectHost, type HostConnection } from './upstream.ts';

export interface HostLoginContext {
  admission: SessionAdmission;
  sessions: Sessions;
  log: Logger;
  failures: FailureLimit;
  /** True: nobody is let in any more. */
  draining: () => boolean;
}

export interface Caller {
  /** As it stands in the log. */
  address: string;
  /** What the client calls itself. */
  application: string | null;
}

export interface HostLogin {
  session: LiveSession;
  host: HostTicket;
  upstream: HostConnection;
}

export const METHODS: AuthenticationType[] = ['password', 'keyboard-interactive'];
const LONGEST_SECRET = 200;
const LONGEST_LOGIN = 63;

/** The secret that a try brings; null: it brings none. */
export async function secretOf(auth: AuthContext): Promise<string | null> {
  if (auth.method === 'password') return auth.password;
  if (auth.method !== 'keyboard-interactive') return null;
  return new Promise((resolve) => {
    auth.once('abort', () => resolve(null));
    auth.prompt([{ prompt: 'Secret of the grant: ', echo: false }], (answers) => resolve(answers[0] ?? null));
  });
}

/** The credential that the secret proves; null: none. Errors: ProtocolError `limit`; anything, when the store is away. */
export async function proveSecret(
  ctx: HostLoginContext,
  caller: Caller,
  login: string,
  secret: string,
): Promise<string | null> {
  const leave = await ctx.failures.enter(caller.address, login);
  try {
    const challenge = await ctx.admission.challenge(login.slice(0, LONGEST_LOGIN));
    const keys = await scramKeys(secret.slice(0, LONGEST_SECRET), challenge.salt, challenge.iterations);
    const found = challenge.candidates.find(
      ({ storedKey }) =>
        storedKey.length === keys.storedKey.length && timingSafeEqual(storedKey, keys.storedKey),
    );
    if (found !== undefined && login.length <= LONGEST_LOGIN && secret.length <= LONGEST_SECRET)
      return found.credentialId;
    ctx.failures.add(caller.address, login);
    ctx.admission
      .refused({ login, clientAddress: caller.address })
      .catch((error: unknown) =>
        ctx.log.warn({ reason: messageOf(error) }, 'a refused login was not logged'),
      );
    return null;
  } finally {
    leave();
  }
}

/** Errors: ProtocolError, whose message is for the person. */
export async function enter(
  ctx: HostLoginContext,
  caller: Caller,
  proven: { login: string; credentialId: string },
  signal: AbortSignal,
): Promise<HostLogin> {
  if (ctx.draining()) throw new ProtocolError('refused', 'This gateway is stopping. Connect again.');
  const session = await openSession(ctx, caller, proven);
  try {
    const { host } = session.ticket;
    if (host === null) throw new ProtocolError('refused', 'This grant is not for a host.');
    return { session, host, upstream: await connectHost(session.ticket, host, signal) };
  } catch (error) {
    await session.end('the target could not be reached');
    throw error;
  }
}

async function openSession(
  ctx: HostLoginContext,
  caller: Caller,
  proven: { login: string; credentialId: string },
): Promise<LiveSession> {
  try {
    return await ctx.sessions.open({
      ...proven,
      ...{ database: '', protocol: 'ssh', clientAddress: caller.address, application: caller.application },
    });
  } catch (error) {
    if (!(error instanceof Failure))
      throw new ProtocolError(
        'refused',
        'Sallyport cannot open sessions just now. Try again shortly.',
        error,
      );
    const hint = error.hint === undefined ? '' : ` ${error.hint}`;
    throw new ProtocolError('refused', `${error.message}${hint}`, error);
  }
}
