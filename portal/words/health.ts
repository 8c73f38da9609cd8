// How the objective of revocation is said.

import type { RevocationHealth } from '../../src/api/health.ts';

/** `99.82 %`; never rounded up to 100. */
export function shareText({ share }: Pick<RevocationHealth, 'share'>): string {
  return share === null ? 'Nothing has ended yet' : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

export function budgetText(health: RevocationHealth): string {
  const { budgetLeft, ended, within } = health;
  const missed = ended - within;
  if (budgetLeft === null) return 'No grant has ended in this time, so nothing of the error budget is used.';
  if (missed === 0) return 'No grant was late: all of the error budget is left.';
  const late = `${missed} of ${ended} ${missed === 1 ? 'was' : 'were'} late`;
  if (budgetLeft <= 0) return `${late}: more than the objective allows. The error budget is spent.`;
  return `${late}: ${Math.floor(budgetLeft * 100)} % of the error budget is left.`;
}
