// What changes in the text of policies, line by line, for a terminal: removed lines with -, new ones with +, and a few
// lines around them.

import type { FileTexts } from '../api/policy-changes.ts';
import { lineChanges, nearChanges } from '../base/line-changes.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

const CONTEXT_LINES = 2;
const MARKS = { same: ' ', removed: '-', added: '+' } as const;

export function textChanges(files: FileTexts[], out: Output): string[] {
  return files.flatMap(({ file, before, after }) => [
    out.paint('strong', `--- ${printable(file)}`),
    ...nearChanges(lineChanges(before ?? '', after ?? ''), CONTEXT_LINES).map((line) =>
      line === null
        ? '  …'
        : out.paint(
            line.what === 'added' ? 'good' : line.what === 'removed' ? 'bad' : 'dim',
            `${MARKS[line.what]} ${printable(line.text)}`,
          ),
    ),
  ]);
}
