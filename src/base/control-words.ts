// What policy holds the sessions of a grant to, in words: the same on cards, in the portal, in sentences of policies.

import { formatDuration } from './duration.ts';
import { rowsText, sizeText } from './size.ts';

export interface ControlsToSay {
  maxRows?: number | undefined;
  maxBytes?: number | undefined;
  approveStatements?: { kinds: string[]; by: { count: number; from: string }[] } | undefined;
  literals?: 'hash' | 'drop' | undefined;
  keepRecordingSeconds?: number | null | undefined;
}

/** Each on its own: `at most 10,000 rows read`. */
export function controlWords(controls: ControlsToSay): string[] {
  const { maxRows, maxBytes, approveStatements, literals, keepRecordingSeconds } = controls;
  return [
    ...(maxRows === undefined ? [] : [`at most ${rowsText(maxRows)} read`]),
    ...(maxBytes === undefined ? [] : [`at most ${sizeText(maxBytes)} read`]),
    ...(approveStatements === undefined ? [] : [statementsText(approveStatements)]),
    ...(literals === undefined
      ? []
      : [`values in recorded statements ${literals === 'drop' ? 'dropped' : 'hashed'}`]),
    ...(keepRecordingSeconds === undefined ? [] : [`recordings kept ${keptText(keepRecordingSeconds)}`]),
  ];
}

function statementsText({ kinds, by }: NonNullable<ControlsToSay['approveStatements']>): string {
  const which = kinds.includes('all') ? '' : `${kinds.join(', ')} `;
  const who = by.map(({ count, from }) => ` by ${count} of ${from}`).join(' and then');
  return `each ${which}statement approved${who}`;
}

/** null: for ever. */
export function keptText(seconds: number | null): string {
  return seconds === null ? 'for ever' : `for ${formatDuration(seconds)}`;
}

/** Of one session's recording: `for 365d, until 2027-11-28`. */
export function keptWords({ seconds, until }: { seconds: number | null; until: string | null }): string {
  if (seconds === null) return 'for ever';
  return until === null
    ? `${keptText(seconds)} after the end`
    : `${keptText(seconds)}, until ${until.slice(0, 10)}`;
}
