// Relations of the server itself, by name: a name without a schema is one when it begins as theirs do, since
// pg_catalog comes first in every search path.

import type { Touch } from './analyse.ts';

export function isCatalog({ schema, name }: Touch): boolean {
  return schema === null
    ? name.startsWith('pg_')
    : schema === 'pg_catalog' || schema === 'information_schema';
}
