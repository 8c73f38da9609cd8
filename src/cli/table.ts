// Tables for people: columns as wide as they need, the widest ones clipped until a row fits the terminal.

import { printable } from './printable.ts';

const GAP = '  ';
const NARROWEST_CELL = 6;

export interface Column<Row> {
  title: string;
  /** The cell's plain text; control characters are escaped here. */
  cell: (row: Row) => string;
  /** Never clipped: ids, states and times, which one copies or compares. */
  whole?: boolean;
  align?: 'right';
  paint?: (row: Row, text: string) => string;
}

/** Lines of the table, headings first. `width` null: nothing is clipped (a pipe). */
export function tableLines<Row>(columns: Column<Row>[], rows: Row[], width: number | null): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))));
  const widths = columns.map((column, i) =>
    Math.max(displayWidth(column.title), ...cells.map((line) => displayWidth(line[i] ?? ''))),
  );
  if (width !== null) shrink(widths, columns, width);
  const head = columns.map((column, i) => fit(column.title, widths[i] ?? 0, column.align));
  const body = rows.map((row, r) =>
    columns.map((column, i) => {
      const text = fit(cells[r]?.[i] ?? '', widths[i] ?? 0, column.align);
      return column.paint === undefined ? text : column.paint(row, text);
    }),
  );
  return [head, ...body].map((line) => line.join(GAP).trimEnd());
}

/** Cuts the widest column that may be cut, one character at a time, until the row fits or nothing more can go. */
function shrink<Row>(widths: number[], columns: Column<Row>[], width: number): void {
  let over = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (columns.length - 1) - width;
  while (over > 0) {
    let widest = -1;
    for (const [i, w] of widths.entries()) {
      if (columns[i]?.whole === true || w <= NARROWEST_CELL) continue;
      if (widest < 0 || w > (widths[widest] ?? 0)) widest = i;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
}

/** `text` padded or clipped (with `…`) to exactly `width` columns. */
export function fit(text: string, width: number, align?: 'right'): string {
  const clipped = displayWidth(text) > width ? `${clip(text, width - 1)}…` : text;
  const padding = ' '.repeat(Math.max(0, width - displayWidth(clipped)));
  return align === 'right' ? padding + clipped : clipped + padding;
}

function clip(text: string, width: number): string {
  let out = '';
  let used = 0;
  for (const character of text) {
    const w = displayWidth(character);
    if (used + w > width) break;
    out += character;
    used += w;
  }
  return out;
}

/** Columns on a terminal: East Asian wide characters and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
