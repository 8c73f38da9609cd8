// Rows as they come: the first ones decide how wide the columns are, the rest follow without being kept, so that a
// large result needs no memory. Cells are escaped: a target's data must not drive the terminal.

import { printable } from '../printable.ts';
import { displayWidth, fit } from '../table.ts';

const ROWS_THAT_SET_WIDTHS = 500;
const WIDEST_CELL = 60;

export interface ResultField {
  name: string;
  /** Numbers stand to the right. */
  numeric: boolean;
}

export class ResultTable {
  readonly #fields: ResultField[];
  readonly #write: (line: string) => void;
  readonly #clip: boolean;
  #early: string[][] | null = [];
  #widths: number[] = [];

  /** `clip`: cells wider than 60 columns are cut (a terminal); otherwise they stay whole (a pipe). */
  constructor(fields: ResultField[], write: (line: string) => void, clip: boolean) {
    this.#fields = fields;
    this.#write = write;
    this.#clip = clip;
  }

  row(values: (string | null)[]): void {
    const cells = values.map((value) => (value === null ? '' : printable(value)));
    if (this.#early === null) this.#print(cells);
    else if (this.#early.push(cells) >= ROWS_THAT_SET_WIDTHS) this.#begin();
  }

  end(): void {
    this.#begin();
  }

  #begin(): void {
    const early = this.#early;
    if (early === null) return;
    this.#early = null;
    this.#widths = this.#fields.map((field, i) => {
      const widest = Math.max(
        displayWidth(printable(field.name)),
        ...early.map((cells) => displayWidth(cells[i] ?? '')),
      );
      return this.#clip ? Math.min(widest, WIDEST_CELL) : widest;
    });
    this.#print(this.#fields.map((field) => printable(field.name)));
    this.#write(this.#widths.map((width) => '-'.repeat(width + 2)).join('+'));
    for (const cells of early) this.#print(cells);
  }

  #print(cells: string[]): void {
    const line = cells.map((cell, i) => {
      const width = this.#widths[i] ?? 0;
      if (!this.#clip && displayWidth(cell) > width) return cell;
      return fit(cell, width, this.#fields[i]?.numeric === true ? 'right' : undefined);
    });
    this.#write(` ${line.join(' | ')}`.trimEnd());
  }
}
