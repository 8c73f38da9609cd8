// What was on one terminal of a session, as asciicast v2: what `asciinema play` and the portal's player take. Read from
// the recording's chunks, which are checked as far as they are read; what a crash left is all there is then.

import { open } from 'node:fs/promises';
import { walkChain } from './read-recording.ts';
import { type Header, KIND, type TerminalColumns, unpackBody } from './recording-format.ts';

const MOST_CHARACTERS = 32 * 1024 * 1024;
const CUT_SHORT = '\r\n[There is more in the recording than is shown here.]\r\n';
const USUAL_SIZE = { width: 80, height: 24 };

/**
 * Lines of JSON, the head first; null when nothing was on it. `entry` is the index of a shell or a program. What is more
 * than the limit is left out, and the last line says so. Errors: the file's, and those of a chain that does not hold.
 */
export async function readTerminal(path: string, entry: number): Promise<string | null> {
  const file = await open(path, 'r');
  try {
    let header: Header | null = null;
    let size: { width: number; height: number } | null = null;
    let startMicros: number | null = null;
    let characters = 0;
    const lines: string[] = [];
    await walkChain(file, null, (chunk) => {
      if (chunk.kind === KIND.header) header = unpackBody(chunk.body) as Header;
      if (chunk.kind !== KIND.terminal || chunk.first > entry || chunk.last < entry) return;
      const columns = unpackBody(chunk.body) as TerminalColumns;
      columns.entry.forEach((of, position) => {
        if (of !== entry || characters > MOST_CHARACTERS) return;
        const kind = columns.kind[position] ?? 'o';
        const data = columns.data[position] ?? '';
        const offset = columns.offset[position] ?? 0;
        startMicros ??= offset;
        if (kind === 'r' && size === null) {
          size = sizeFrom(data);
          return;
        }
        const at = (offset - startMicros) / 1_000_000;
        const line = JSON.stringify([at, kind, data]);
        characters += line.length;
        lines.push(line);
        if (characters > MOST_CHARACTERS) lines.push(JSON.stringify([at, 'o', CUT_SHORT]));
      });
    });
    if (startMicros === null) return null;
    return `${[headLine(header, size, startMicros), ...lines].join('\n')}\n`;
  } finally {
    await file.close();
  }
}

function sizeFrom(text: string): { width: number; height: number } {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return width > 0 && height > 0 ? { width, height } : USUAL_SIZE;
}

function headLine(
  header: Header | null,
  size: { width: number; height: number } | null,
  startMicros: number,
): string {
  const startedAtMs = (header?.startedAtMs ?? 0) + startMicros / 1000;
  return JSON.stringify({
    version: 2,
    ...(size ?? USUAL_SIZE),
    timestamp: Math.floor(startedAtMs / 1000),
    title: header === null ? '' : `${header.principal.name}, ${header.task} on ${header.target}`,
  });
}
