// Relations and functions of the server itself, by name: a relation's name without a schema is one when it begins as
// theirs do, since pg_catalog comes first in every search path.

import type { Call, Touch } from './analyse.ts';
import { isBuiltIn } from './built-in-functions.ts';

export function isCatalog({ schema, name }: Touch): boolean {
  return schema === null
    ? name.startsWith('pg_')
    : schema === 'pg_catalog' || schema === 'information_schema';
}

/** Without a schema it may also be the application's own, of the same name with other arguments. */
export function isBuiltInCall({ schema, name }: Call): boolean {
  return (schema === null || schema === 'pg_catalog') && isBuiltIn(name);
}

/** `functions` with their schema, with a dot alone for those without one, and as a task names them. */
export function isNamedCall(functions: ReadonlySet<string>, { schema, name }: Call): boolean {
  return functions.has(`${schema ?? ''}.${name}`) || functions.has(name);
}
