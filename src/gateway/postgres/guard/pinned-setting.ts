// pg_dump writes a setting only where the server has it: SELECT set_config(name, 'x', false) FROM pg_settings WHERE
// name = 'y'. The name is a column there, but WHERE leaves it one value, written out. Only this form is known.

import { isNode, list, type Node, text } from './tree.ts';

/** The setting that such a `select` writes, and the node of its call; null for every other SELECT. */
export function pinnedSetting(select: Node): { call: Node; setting: string } | null {
  const [from, ...more] = list(select.fromClause);
  const [target, ...others] = list(select.targetList);
  const range = isNode(from) && isNode(from.RangeVar) ? from.RangeVar : null;
  const call =
    isNode(target) && isNode(target.ResTarget) && isNode(target.ResTarget.val)
      ? target.ResTarget.val.FuncCall
      : undefined;
  const where = isNode(select.whereClause) ? select.whereClause.A_Expr : undefined;
  if (range === null || more.length + others.length > 0 || !isNode(call) || !isNode(where)) return null;
  const ofSettings = range.relname === 'pg_settings' && [undefined, 'pg_catalog'].includes(schemaOf(range));
  const equals = where.kind === 'AEXPR_OP' && list(where.name).length === 1 && operator(where) === '=';
  if (!ofSettings || select.withClause !== undefined || !equals) return null;
  if (!isName(list(call.args)[0]) || !isName(where.lexpr)) return null;
  const value = isNode(where.rexpr) && isNode(where.rexpr.A_Const) ? where.rexpr.A_Const.sval : undefined;
  return isNode(value) ? { call, setting: text(value.sval) } : null;
}

function schemaOf(range: Node): string | undefined {
  return range.schemaname === undefined ? undefined : text(range.schemaname);
}

function operator(expression: Node): string {
  const [name] = list(expression.name);
  return isNode(name) && isNode(name.String) ? text(name.String.sval) : '';
}

/** The column `name`, without a table before it. */
function isName(tree: Node[string] | undefined): boolean {
  if (!isNode(tree) || !isNode(tree.ColumnRef)) return false;
  const [field, ...more] = list(tree.ColumnRef.fields);
  return more.length === 0 && isNode(field) && isNode(field.String) && field.String.sval === 'name';
}
