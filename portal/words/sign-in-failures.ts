// What went wrong on the way back from the provider, in words. The address of the page only carries a code, so that
// nobody can make it say something else.

const SENTENCES: Record<string, string> = {
  'sign-in-over': 'That sign-in was over: it took too long, was used already, or began in another browser.',
  'provider-unreachable': 'The identity provider could not be reached.',
  'provider-refused': 'The identity provider did not sign you in.',
  'answer-refused':
    'The answer of the identity provider was not believed. An administrator finds why in the log.',
  'not-allowed': 'Your account at the identity provider may not sign in here.',
  'unknown-person':
    'Nobody here is linked with that account. If you have an account here, sign in another way and link it under My sign-in.',
  'name-unusable': 'The identity provider gave no login name that can be one here.',
  'name-taken':
    'Somebody here has that login name already. If that is you, sign in another way and link the provider under My sign-in.',
  'identity-taken': 'That account is linked here already, or you are linked with another one.',
  'account-disabled': 'This account is disabled.',
  'too-many-failures': 'Too many failed sign-ins from your address. Wait a minute.',
};

/** One sentence for a code of the server; a plain one for a code that is not known. */
export function signInFailure(code: string): string {
  return Object.hasOwn(SENTENCES, code) ? (SENTENCES[code] ?? '') : 'Signing in did not work.';
}
