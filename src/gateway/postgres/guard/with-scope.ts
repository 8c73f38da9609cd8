// Which names a WITH gives, and where: they are no relations of the target.

import type { Tree } from './parser.ts';
import { isNode, list, type Node, text } from './tree.ts';

/** The names that WITH gives at a place: of one clause those before `upTo`, and all of the clauses around it. */
export interface Scope {
  places: ReadonlyMap<string, number>;
  upTo: number;
  around: Scope | null;
}

/** Puts what a WITH holds on the stack, each in its own scope (SELECT, "WITH Clause"), and gives the scope of the rest. */
export function openWith(withClause: Node, around: Scope | null, stack: [Tree, Scope | null][]): Scope {
  const tables = list(withClause.ctes).flatMap((item) =>
    isNode(item) && isNode(item.CommonTableExpr) ? [item.CommonTableExpr] : [],
  );
  const places = new Map(tables.map((table, place) => [text(table.ctename), place]));
  const all: Scope = { places, upTo: tables.length, around };
  tables.forEach((table, place) => {
    stack.push([table, withClause.recursive === true ? all : { places, upTo: place, around }]);
  });
  return all;
}

/** Whether some WITH around the place gives this name. */
export function gives(scope: Scope | null, name: string): boolean {
  for (let at = scope; at !== null; at = at.around)
    if ((at.places.get(name) ?? at.upTo) < at.upTo) return true;
  return false;
}
