// What policy holds the sessions of a grant to, in words: the same on cards, in the portal, in sentences of policies.

import { rowsText, sizeText } from './size.ts';

export interface ControlsToSay {
  maxRows?: number | undefined;
  maxBytes?: number | undefined;
}

/** Each on its own: `at most 10,000 rows read`. */
export function controlWords({ maxRows, maxBytes }: ControlsToSay): string[] {
  return [
    ...(maxRows === undefined ? [] : [`at most ${rowsText(maxRows)} read`]),
    ...(maxBytes === undefined ? [] : [`at most ${sizeText(maxBytes)} read`]),
  ];
}
