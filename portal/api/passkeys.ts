// Passkeys in the browser: the server's question, the authenticator, the answer. What the browser refuses becomes a
// failure with words.

import { startAuthentication, startRegistration, WebAuthnError } from '@simplewebauthn/browser';
import { type Me, me } from '../../src/api/people.ts';
import {
  type MySignIn,
  mySignIn,
  type OpenedLink,
  openedLink,
  type PasskeyOptions,
  passkeyOptions,
  type RegistrationOptions,
  registrationOptions,
} from '../../src/api/sign-in.ts';
import { post } from './client.ts';
import { ApiFailure } from './failure.ts';
import { apiPath } from './paths.ts';

/** Whether this browser knows passkeys at all. */
export const knowsPasskeys = (): boolean => 'PublicKeyCredential' in window;

export async function signInWithPasskey(): Promise<Me> {
  const options = await post(passkeyOptions, apiPath.passkeySignInOptions());
  return post(me, apiPath.passkeySignIn(), { passkey: await use(options) });
}

export async function stepUp(): Promise<Me> {
  const options = await post(passkeyOptions, apiPath.stepUpOptions());
  return post(me, apiPath.stepUp(), { passkey: await use(options) });
}

export async function addPasskey(name: string): Promise<MySignIn> {
  const options = await post(registrationOptions, apiPath.passkeyOptions());
  return post(mySignIn, apiPath.passkeys(), { name, passkey: await make(options) });
}

export const removePasskey = (id: string): Promise<MySignIn> => post(mySignIn, apiPath.removePasskey(id));

/** Whose link it is, with the question for their new passkey. */
export const openLink = (code: string, signal: AbortSignal): Promise<OpenedLink> =>
  post(openedLink, apiPath.registrationOptions(), { code }, signal);

export async function registerByLink(code: string, name: string, options: RegistrationOptions): Promise<Me> {
  return post(me, apiPath.registration(), { code, name, passkey: await make(options) });
}

async function use(options: PasskeyOptions) {
  const { allowCredentials, ...same } = options;
  const allowed = allowCredentials.map(known);
  const optionsJSON = allowed.length === 0 ? same : { ...same, allowCredentials: allowed };
  const { id, rawId, type, response } = await asked(() => startAuthentication({ optionsJSON }));
  return { id, rawId, type, response };
}

async function make(options: RegistrationOptions) {
  const optionsJSON = { ...options, excludeCredentials: options.excludeCredentials.map(known) };
  const { id, rawId, type, response } = await asked(() => startRegistration({ optionsJSON }));
  const { clientDataJSON, attestationObject, transports = [] } = response;
  return { id, rawId, type, response: { clientDataJSON, attestationObject, transports } };
}

function known({ transports, ...same }: PasskeyOptions['allowCredentials'][number]) {
  return { ...same, ...(transports === undefined ? {} : { transports: [...transports] }) };
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof WebAuthnError && error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED') {
      throw new ApiFailure(409, 'passkey-known', 'This device holds a passkey of yours already.');
    }
    const name = error instanceof Error ? error.name : '';
    throw new ApiFailure(
      400,
      'passkey-cancelled',
      name === 'SecurityError'
        ? 'This browser does not use passkeys under this address.'
        : 'No passkey was used: it was cancelled, took too long, or none fits.',
      { hint: 'Try again, or another way.' },
    );
  }
}
