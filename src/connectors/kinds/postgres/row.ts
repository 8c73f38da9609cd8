// Reading a row of a catalog query: each column by name, with the type that the query gives it.

import { Failure } from '../../../base/errors.ts';
import type { Row } from './client.ts';

function wrong(column: string): Failure {
  return new Failure(
    'unavailable',
    'target-error',
    `The target gave an unexpected answer (column ${column}).`,
  );
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw wrong(column);
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** Counts and OIDs; 64-bit numbers come as text. */
export function number(row: Row, column: string): number {
  const value = row[column];
  if (value === null || value === '' || !Number.isSafeInteger(Number(value))) throw wrong(column);
  return Number(value);
}

export function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : number(row, column);
}

export function flag(row: Row, column: string): boolean {
  const value = row[column];
  if (typeof value === 'boolean') return value;
  throw wrong(column);
}

export function texts(row: Row, column: string): string[] {
  const value = row[column];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw wrong(column);
}

export function numbers(row: Row, column: string): number[] {
  const value = row[column];
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value;
  throw wrong(column);
}

/** The one row of a query that always gives one. */
export function only(rows: Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw wrong('none');
  return row;
}
