// How people, services and agents are spoken of: who keeps them, what state they are in, how they are found.

import type { PrincipalView } from '../../src/api/people.ts';
import type { PeopleChange } from '../../src/api/people-changes.ts';
import type { MayNot } from './may.ts';
import type { StateWords } from './states.ts';

export function stateOf(principal: PrincipalView): StateWords {
  if (principal.disabled)
    return { word: 'Disabled', tone: 'bad', meaning: 'Signs in nowhere; grants and sessions have ended.' };
  return principal.liveTokens > 0
    ? { word: 'Active', tone: 'good', meaning: 'Has a token or a session that works now.' }
    : { word: 'No token', tone: 'quiet', meaning: 'Nothing works now that they could call with.' };
}

/** Who decides what is known of them. */
export function keptText(principal: PrincipalView): string {
  if (principal.fromDirectory) return 'By the directory (SCIM)';
  return principal.providerKeeps.length > 0 ? 'By the identity provider, at each sign-in' : 'Here, by hand';
}

export function groupText(principal: PrincipalView, group: string): string {
  if (principal.directoryGroups.includes(group)) return `${group} (directory)`;
  return principal.providerGroups.includes(group) ? `${group} (provider)` : group;
}

/** Whether this fact of theirs is kept here. */
export function mayChange(
  principal: PrincipalView,
  fact: 'displayName' | 'accountType' | 'title' | 'manager',
): MayNot {
  if (principal.fromDirectory) return 'The directory keeps it: change it there.';
  return principal.providerKeeps.some((kept) => kept === fact)
    ? 'The identity provider says it at each sign-in: change it there.'
    : null;
}

/** By name, group, title, kind or sponsor; every word must be found. */
export function matching(people: readonly PrincipalView[], text: string): PrincipalView[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return people.filter((one) => {
    const said = [
      ...[one.name, one.displayName, one.kind, one.title, one.accountType, ...one.groups],
      ...[one.sponsor?.name, one.manager?.name, one.disabled ? 'disabled' : ''],
    ]
      .join(' ')
      .toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

export const CHANGE_STATES: Record<PeopleChange['state'], StateWords> = {
  open: { word: 'Waits for a second person', tone: 'wait', meaning: 'Nothing has changed yet.' },
  confirmed: { word: 'Confirmed', tone: 'good', meaning: 'A second person agreed, and it was done.' },
  refused: { word: 'Refused', tone: 'bad', meaning: 'Somebody said no.' },
  withdrawn: { word: 'Withdrawn', tone: 'quiet', meaning: 'Its proposer took it back.' },
  expired: { word: 'Expired', tone: 'quiet', meaning: 'Nobody agreed within a week.' },
};
