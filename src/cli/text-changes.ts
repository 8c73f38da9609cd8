// What changes in the text of policies, line by line, for a terminal: removed lines with -, new ones with +, and a few
// lines around them.

import type { FileTexts } from '../api/policy-changes.ts';
import { lineChanges } from '../base/line-changes.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

const CONTEXT_LINES = 2;
const MARKS = { same: ' ', removed: '-', added: '+' } as const;

export function textChanges(files: FileTexts[], out: Output): string[] {
  return files.flatMap(({ file, before, after }) => [
    out.paint('strong', `--- ${printable(file)}`),
    ...near(lineChanges(before ?? '', after ?? '')).map((line) =>
      line === null
        ? '  …'
        : out.paint(
            line.what === 'added' ? 'good' : line.what === 'removed' ? 'bad' : 'dim',
            `${MARKS[line.what]} ${printable(line.text)}`,
          ),
    ),
  ]);
}

type Line = ReturnType<typeof lineChanges>[number];

/** Null where lines are left out. */
function near(lines: Line[]): (Line | null)[] {
  const shown = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some((line) => line.what !== 'same'),
  );
  return lines.flatMap((line, at) => {
    if (shown[at]) return [line];
    return shown[at - 1] || at === 0 ? [null] : [];
  });
}
