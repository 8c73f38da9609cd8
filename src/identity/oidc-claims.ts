// What a provider's claims say of a person, in our words. Claims come from outside: a name that is none of ours, a group
// that nobody mapped and a type that is no word are left out, never guessed.

import { nameText } from '../api/text.ts';
import { Failure } from '../base/errors.ts';
import type { Claims, OidcSettings } from './oidc-provider.ts';

/** Of the provider's; a directory of more is asked for fewer by the provider's own configuration. */
const MOST_GROUPS = 2_000;
const LONGEST_TEXT = 100;
const ACCOUNT_TYPE = /^[a-z][a-z0-9-]{0,39}$/;
/** Where the provider should say a type and does not: no policy that names a type holds for it. */
const UNKNOWN_TYPE = 'unknown';

export interface PersonClaims {
  issuer: string;
  subject: string;
  /** The login name for a new person; null when it could not be one. */
  login: string | null;
  displayName: string | null;
  /** undefined: the provider is not asked. */
  accountType: string | undefined;
  title: string | null | undefined;
  /** Ours, by the mapping; sorted, each once. */
  groups: string[];
}

/** Errors: `not-allowed` for who is in none of the allowed groups. */
export function personFrom(settings: OidcSettings, claims: Claims): PersonClaims {
  const theirs = groupsOf(claims[settings.claims.groups]);
  if (settings.allowedGroups !== null && !settings.allowedGroups.some((name) => theirs.has(name))) {
    throw new Failure('denied', 'not-allowed', 'Your account at the provider may not sign in here.', {
      hint: 'Ask an administrator which group it needs.',
    });
  }
  const { accountType, title } = settings.claims;
  const login = nameText.safeParse(textOf(claims[settings.claims.login])?.toLowerCase());
  const ours = Object.entries(settings.groups).flatMap(([name, mapped]) => (theirs.has(name) ? mapped : []));
  return {
    issuer: claims.iss,
    subject: claims.sub,
    login: login.success ? login.data : null,
    displayName: textOf(claims[settings.claims.name]),
    accountType: accountType === null ? undefined : typeOf(claims[accountType]),
    title: title === null ? undefined : textOf(claims[title]),
    groups: [...new Set(ours)].sort(),
  };
}

function groupsOf(value: unknown): Set<string> {
  const list = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
  return new Set(list.slice(0, MOST_GROUPS).filter((one): one is string => typeof one === 'string'));
}

function typeOf(value: unknown): string {
  const text = textOf(value)?.toLowerCase();
  return text !== undefined && ACCOUNT_TYPE.test(text) ? text : UNKNOWN_TYPE;
}

/** Trimmed and clipped, without control characters and marks that make a text show other than it is. */
function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const clean = value
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .trim();
  return clean === '' ? null : [...clean].slice(0, LONGEST_TEXT).join('');
}
