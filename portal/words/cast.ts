// An asciicast as the player and the page need it: pauses shortened, the commands to jump to, and the text of the screen
// to search in. What a host sent is only ever text here.

export interface Cast {
  /** The head, with its width and height. */
  head: Record<string, unknown>;
  events: CastEvent[];
  /** Lines of the screen with the second in which each was whole. */
  lines: Moment[];
  /** What was run. */
  marks: Moment[];
  /** Seconds, without the long pauses. */
  length: number;
}

export type CastEvent = [atSeconds: number, kind: string, data: string];

export interface Moment {
  at: number;
  text: string;
}

/** A pause is never longer than this when it is played. */
const LONGEST_PAUSE_S = 1.5;
const MOST_LINES = 200_000;
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to take out
  /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\[[0-?]*[ -/]*[@-~]?|[ -/]*[0-~]?)|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** null for what is not a cast. */
export function readCast(text: string): Cast | null {
  const [first = '', ...rest] = text.trimEnd().split('\n');
  const head = parsed(first);
  if (typeof head !== 'object' || head === null || Array.isArray(head)) return null;
  const cast: Cast = { head: { ...head }, events: [], lines: [], marks: [], length: 0 };
  let before = 0;
  let line = '';
  for (const one of rest) {
    const event = parsed(one);
    if (!Array.isArray(event)) continue;
    const [at, kind, data] = event as unknown[];
    if (typeof at !== 'number' || typeof kind !== 'string' || typeof data !== 'string') continue;
    cast.length += Math.min(Math.max(0, at - before), LONGEST_PAUSE_S);
    before = at;
    cast.events.push([cast.length, kind, data]);
    if (kind === 'm') cast.marks.push({ at: cast.length, text: plain(data) });
    if (kind !== 'o') continue;
    const parts = (line + data).split('\n');
    line = parts.pop() ?? '';
    for (const part of parts)
      if (cast.lines.length < MOST_LINES) cast.lines.push({ at: cast.length, text: plain(part) });
  }
  if (line !== '') cast.lines.push({ at: cast.length, text: plain(line) });
  return cast;
}

/** The first of the lines that hold these words, in any case. */
export function findLines(cast: Cast, words: string, most: number): Moment[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return [];
  const found: Moment[] = [];
  for (const line of cast.lines) {
    if (line.text.toLowerCase().includes(wanted)) found.push(line);
    if (found.length >= most) break;
  }
  return found;
}

export const castText = (cast: Cast): string =>
  [JSON.stringify(cast.head), ...cast.events.map((event) => JSON.stringify(event))].join('\n');

function plain(text: string): string {
  return text.replaceAll(ESCAPES, '').trimEnd();
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
