// What a target says has no end that we set, and an entry has one: a list in an entry is cut, so that no act fails for it.

const LONGEST_LINE = 300;
/** As JSON; several lists and the rest fit into an entry (64 KiB). */
const MOST_BYTES = 12_000;

/** The first of them, and how many more there are. */
export function briefly(lines: readonly string[]): string[] {
  const told: string[] = [];
  let bytes = 0;
  for (const whole of lines) {
    const line = whole.length > LONGEST_LINE ? `${whole.slice(0, LONGEST_LINE)}…` : whole;
    bytes += Buffer.byteLength(JSON.stringify(line));
    if (bytes > MOST_BYTES) return [...told, `and ${lines.length - told.length} more`];
    told.push(line);
  }
  return told;
}
