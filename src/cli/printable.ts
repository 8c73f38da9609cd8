// Text from elsewhere (reasons, statements, rows of a target) made safe for a terminal: what would move the
// cursor, change colours or reorder letters is shown as an escape instead of obeyed.

import { STEERING, steeringEscaped } from '../base/steering.ts';

/** One line: line breaks become `\n`. */
export function printable(text: string): string {
  return text.replace(STEERING, escapeCharacter);
}

/** Several lines: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(STEERING, (character) =>
      character === '\n' || character === '\t' ? character : escapeCharacter(character),
    );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
const PAINTED = /(\u001b\[[0-9;]*m)/;

/**
 * A last look at what was put together already: line breaks and tabs stay, and colours where it is `painted`. Whoever puts
 * it together makes each part safe; this is for the part that was forgotten.
 */
export function printableOutput(text: string, painted: boolean): string {
  if (!painted) return printableLines(text);
  return text
    .split(PAINTED)
    .map((part) => (PAINTED.test(part) ? part : printableLines(part)))
    .join('');
}

/** JSON with every such character escaped, also those that JSON itself lets pass; parses to the same value. */
export function printableJson(value: unknown, indent = 2): string {
  return steeringEscaped(JSON.stringify(value, null, indent));
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  const code = character.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
}
