// What a kill switch stops and how far it is, in words.

import type { Kill, KillScope } from '../../src/api/kills.ts';
import { counted } from './counts.ts';

export const SCOPES: Record<KillScope, { label: string; name: string; means: string }> = {
  person: {
    label: 'A person',
    name: 'User name',
    means: 'All that they hold ends, with their other accounts and whatever they sponsor.',
  },
  target: { label: 'A target', name: 'Target', means: 'Every grant on it ends.' },
  segment: { label: 'A segment', name: 'Path, such as prod/eu', means: 'Every grant in it and below ends.' },
  everything: { label: 'Everything', name: '', means: 'Every grant everywhere ends.' },
};

export const killScopeText = ({ scope, name }: Pick<Kill, 'scope' | 'name'>): string =>
  scope === 'everything' ? 'Everything' : `The ${scope} ${name}`;

/** `17 of 20 grants gone; waiting for fix-orders on orders-db (grace).` Nothing for who may not see the grants. */
export function progressText({ progress }: Pick<Kill, 'progress'>): string {
  if (progress === null) return '';
  const cancelled =
    progress.cancelled === 0 ? '' : ` ${counted(progress.cancelled, 'pending request')} cancelled.`;
  if (progress.grants === 0) return `No grant was live there.${cancelled}`;
  const [first] = progress.waiting;
  const all = counted(progress.grants, 'grant');
  if (first === undefined) return `${progress.gone} of ${all} gone, verified on the targets.${cancelled}`;
  const rest = progress.waiting.length > 1 ? ' and others' : '';
  return `${progress.gone} of ${all} gone; waiting for ${first.task} on ${first.target} (${first.principal})${rest}.${cancelled}`;
}
