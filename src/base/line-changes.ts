// Which lines of a text were removed and which are new: the longest common subsequence, after what is the same at both
// ends. For people who sign a change: pure, so that terminal and portal show the same.

/** Lines of each side that are compared at most; beyond, all old ones count as removed and all new ones as added. */
const MOST_COMPARED_LINES = 2_000;

export interface LineChange {
  what: 'same' | 'removed' | 'added';
  text: string;
}

export function lineChanges(before: string, after: string): LineChange[] {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (
    end < old.length - start &&
    end < fresh.length - start &&
    old[old.length - 1 - end] === fresh[fresh.length - 1 - end]
  ) {
    end++;
  }
  const same = (texts: string[]) => texts.map((text): LineChange => ({ what: 'same', text }));
  return [
    ...same(old.slice(0, start)),
    ...middle(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
    ...same(old.slice(old.length - end)),
  ];
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function middle(old: string[], fresh: string[]): LineChange[] {
  if (Math.max(old.length, fresh.length) > MOST_COMPARED_LINES) {
    return [
      ...old.map((text): LineChange => ({ what: 'removed', text })),
      ...fresh.map((text): LineChange => ({ what: 'added', text })),
    ];
  }
  const width = fresh.length + 1;
  // longest[i * width + j]: of what follows old[i] and fresh[j].
  const longest = new Uint16Array((old.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: LineChange[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      lines.push({ what: 'same', text: old[i++] ?? '' });
      j++;
    } else if (i < old.length && (j >= fresh.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ what: 'removed', text: old[i++] ?? '' });
    } else {
      lines.push({ what: 'added', text: fresh[j++] ?? '' });
    }
  }
  return lines;
}

/** Lines that change with `around` others on both sides; null where some are left out. */
export function nearChanges(lines: readonly LineChange[], around: number): (LineChange | null)[] {
  const shown = new Set<number>();
  lines.forEach((line, at) => {
    if (line.what === 'same') return;
    for (let near = Math.max(0, at - around); near <= at + around; near++) shown.add(near);
  });
  return lines.flatMap((line, at): (LineChange | null)[] => {
    if (shown.has(at)) return [line];
    return at === 0 || shown.has(at - 1) ? [null] : [];
  });
}
