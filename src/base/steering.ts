// Characters that steer a terminal or reorder what one reads: C0 and C1 controls, DEL, bidirectional and zero-width marks,
// line separators, the byte order mark. Whatever comes from elsewhere may hold them.

export const STEERING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is what this is for
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text that is JSON, with those that JSON lets pass escaped too; line breaks stay. It parses to the same value. */
export function steeringEscaped(json: string): string {
  return json.replace(STEERING, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
