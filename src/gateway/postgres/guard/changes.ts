// Which changes a statement makes to the relation that it names, and which of them to all of its rows.

import { isNode, list, type Node, text } from './tree.ts';

const MERGE_ACTIONS: Readonly<Record<string, string>> = {
  CMD_INSERT: 'insert',
  CMD_UPDATE: 'update',
  CMD_DELETE: 'delete',
};

/** `update` and the like, of the WHENs of a MERGE. */
export function mergeActions(node: Node): string[] {
  return whensOf(node).flatMap((when) => MERGE_ACTIONS[text(when.commandType)] ?? []);
}

/** UPDATE and DELETE without WHERE, and what a MERGE does to every row that its source has not. */
export function wholeChanges(kind: string, node: Node): string[] {
  if (kind === 'UpdateStmt' || kind === 'DeleteStmt')
    return node.whereClause === undefined ? [kind === 'UpdateStmt' ? 'update' : 'delete'] : [];
  if (kind !== 'MergeStmt') return [];
  return whensOf(node)
    .filter((when) => when.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE' && when.condition === undefined)
    .flatMap((when) => MERGE_ACTIONS[text(when.commandType)] ?? []);
}

function whensOf(node: Node): Node[] {
  return list(node.mergeWhenClauses).flatMap((item) =>
    isNode(item) && isNode(item.MergeWhenClause) ? [item.MergeWhenClause] : [],
  );
}
