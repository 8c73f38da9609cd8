// What policy holds the sessions of a grant to, in words: the same on cards, in the portal, in sentences of policies.

import { rowsText, sizeText } from './size.ts';

export interface ControlsToSay {
  maxRows?: number | undefined;
  maxBytes?: number | undefined;
  approveStatements?: { kinds: string[]; by: { count: number; from: string }[] } | undefined;
  literals?: 'hash' | 'drop' | undefined;
}

/** Each on its own: `at most 10,000 rows read`. */
export function controlWords({ maxRows, maxBytes, approveStatements, literals }: ControlsToSay): string[] {
  return [
    ...(maxRows === undefined ? [] : [`at most ${rowsText(maxRows)} read`]),
    ...(maxBytes === undefined ? [] : [`at most ${sizeText(maxBytes)} read`]),
    ...(approveStatements === undefined ? [] : [statementsText(approveStatements)]),
    ...(literals === undefined
      ? []
      : [`values in recorded statements ${literals === 'drop' ? 'dropped' : 'hashed'}`]),
  ];
}

function statementsText({ kinds, by }: NonNullable<ControlsToSay['approveStatements']>): string {
  const which = kinds.includes('all') ? '' : `${kinds.join(', ')} `;
  const who = by.map(({ count, from }) => ` by ${count} of ${from}`).join(' and then');
  return `each ${which}statement approved${who}`;
}
