// Where in a file something stands. Cedar speaks of byte offsets; people of lines and columns.

/** A mistake in a policy file, for whoever wrote it. */
export interface PolicyProblem {
  file: string;
  /** From 1; null where the whole file is meant. */
  line: number | null;
  /** From 1, in characters; null where the whole line is meant. */
  column: number | null;
  policy: string | null;
  reason: string;
  hint: string | null;
}

export interface Place {
  line: number;
  column: number;
}

/** Finds lines in one text; build once, ask often. */
export class LineFinder {
  readonly #bytes: Buffer;
  readonly #starts: number[] = [0];
  /** The same in characters. */
  readonly #charStarts: number[] = [0];

  constructor(text: string) {
    this.#bytes = Buffer.from(text, 'utf8');
    for (let at = this.#bytes.indexOf(10); at !== -1; at = this.#bytes.indexOf(10, at + 1)) {
      this.#starts.push(at + 1);
    }
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
      this.#charStarts.push(at + 1);
    }
  }

  /** `offset` in bytes of UTF-8, as Cedar counts. */
  atByte(offset: number): Place {
    const line = lineAt(this.#starts, offset);
    const start = this.#starts[line] ?? 0;
    return {
      line: line + 1,
      column: this.#bytes.toString('utf8', start, Math.max(start, offset)).length + 1,
    };
  }

  /** `index` in the text as JavaScript counts. */
  atIndex(index: number): Place {
    const line = lineAt(this.#charStarts, index);
    return { line: line + 1, column: index - (this.#charStarts[line] ?? 0) + 1 };
  }
}

function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * The places of `parts` in `text`, of which they are the policies in order. Comments are blanked first, so that a
 * policy that also stands commented out is not found there. Null where a part is not found.
 */
export function placesOf(parts: readonly string[], text: string, lines: LineFinder): (Place | null)[] {
  const bare = blankComments(text);
  let from = 0;
  return parts.map((part) => {
    const at = bare.indexOf(blankComments(part), from);
    if (at === -1) return null;
    from = at + part.length;
    return lines.atIndex(at);
  });
}

/** The same length, with `// …` as spaces; strings are left alone. */
function blankComments(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n\r]*/gs, (token) =>
    token.startsWith('//') ? ' '.repeat(token.length) : token,
  );
}
