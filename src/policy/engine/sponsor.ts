// Who is sponsored is worth something while somebody answers for them, and an agent never more than its sponsor may ask
// for itself: so its decision is the stricter of the two.

import { noObligations } from './annotations.ts';
import type { Decided, Outcome, SponsorFacts } from './facts.ts';
import { mergeObligations } from './obligations.ts';

/** `asSponsor` is the same question asked by the sponsor; null where it is not asked (only agents are held to it). */
export function underSponsor(own: Decided, sponsor: SponsorFacts, asSponsor: Decided | null): Decided {
  const { name } = sponsor.principal;
  if (sponsor.disabled) {
    return {
      ...refused(own, `The sponsor ${name} is disabled, so nobody answers for this.`),
      enough: ['Another sponsor.'],
    };
  }
  if (asSponsor === null || own.outcome === 'deny') return own;
  if (asSponsor.outcome === 'deny') {
    const why = asSponsor.reasons.map((reason) => reason.text).join(' ');
    return {
      ...refused(own, `The sponsor ${name} may not ask for this either: ${why}`),
      longestSeconds: asSponsor.longestSeconds,
      enough: asSponsor.enough,
    };
  }
  const outcome: Outcome = own.outcome === 'allow' ? asSponsor.outcome : own.outcome;
  const longest = [own.longestSeconds, asSponsor.longestSeconds].filter((seconds) => seconds !== null);
  return {
    outcome,
    reasons: [
      ...own.reasons,
      ...asSponsor.reasons.filter((reason) => !own.reasons.some((one) => one.text === reason.text)),
    ],
    obligations: mergeObligations([own.obligations, asSponsor.obligations]),
    longestSeconds: longest.length === 0 ? null : Math.min(...longest),
    enough: outcome === 'allow' ? [] : [...new Set([...own.enough, ...asSponsor.enough])],
    determining: [...new Set([...own.determining, ...asSponsor.determining])],
    alarms: [...new Set([...own.alarms, ...asSponsor.alarms])],
  };
}

function refused(own: Decided, text: string): Decided {
  return {
    ...own,
    outcome: 'deny',
    reasons: [{ policy: '', effect: 'none', text }],
    obligations: noObligations(),
    longestSeconds: null,
    determining: [],
  };
}
