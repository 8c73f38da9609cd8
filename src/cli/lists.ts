// What the listing commands share: how many, which state, and a table that fits the terminal.

import type { Command } from 'commander';
import { usage } from './exit-codes.ts';
import { wholeNumber } from './needed.ts';
import type { Run } from './run.ts';
import { type Column, tableLines } from './table.ts';

const USUAL_ITEMS = 200;
const MOST_ITEMS = 10_000;

export function addLimit(command: Command): Command {
  return command.option('--limit <n>', `at most so many, up to ${MOST_ITEMS}`, String(USUAL_ITEMS));
}

export function limitFrom(text: string): number {
  return wholeNumber(text, '--limit', 1, MOST_ITEMS);
}

export function oneOf<T extends string>(
  flag: string,
  given: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (given === undefined) return undefined;
  const found = allowed.find((value) => value === given);
  if (found === undefined)
    throw usage(`${flag} cannot be "${given}".`, `It is one of ${allowed.join(', ')}.`);
  return found;
}

export function showTable<Row>(run: Run, rows: Row[], table: { none: string; columns: Column<Row>[] }): void {
  if (rows.length === 0 && !run.out.json) run.out.say(table.none);
  else run.out.data(rows, () => tableLines(table.columns, rows, run.out.width));
}
