// Amounts of data in words, for people: the units are those in which limits are written (of 1,000).

const UNITS = [
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
] as const;

/** `100 MB`, `1.5 GB`, `12 B`. */
export function sizeText(bytes: number): string {
  for (const [size, unit] of UNITS)
    if (bytes >= size) return `${Math.round((bytes / size) * 10) / 10} ${unit}`;
  return `${bytes} B`;
}

/** `10,000 rows`, `1 row`. */
export function rowsText(rows: number): string {
  return `${rows.toLocaleString('en-GB')} ${rows === 1 ? 'row' : 'rows'}`;
}
