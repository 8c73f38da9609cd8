// The tree of segments as rows of a picture: which are shown while some are folded, and the lines that lead to each.

import type { Segment } from '../../src/api/segments.ts';

export interface MapNode {
  segment: Segment;
  /** The last step of the path. */
  name: string;
  depth: number;
  children: MapNode[];
  /** Here and below. */
  targets: number;
  grants: number;
}

export interface MapRow {
  node: MapNode;
  folded: boolean;
  /** One for each level above: does the line of that level go on below this row? */
  rails: boolean[];
  /** Of its parent's children; the line to the last one ends there. */
  last: boolean;
  /** Position among its brothers, from 1, for those who do not see the picture. */
  position: number;
  size: number;
}

/** `segments` sorted by path, as the server gives them. A segment whose parent is missing is a root. */
export function mapOf(segments: readonly Segment[]): MapNode[] {
  const nodes = new Map<string, MapNode>();
  const roots: MapNode[] = [];
  for (const segment of segments) {
    const parent = segment.parent === null ? undefined : nodes.get(segment.parent);
    const node: MapNode = {
      segment,
      name: segment.path.split('/').at(-1) ?? segment.path,
      depth: parent === undefined ? 0 : parent.depth + 1,
      children: [],
      targets: 0,
      grants: 0,
    };
    nodes.set(segment.path, node);
    (parent?.children ?? roots).push(node);
  }
  for (const root of roots) addUp(root);
  return roots;
}

function addUp(node: MapNode): void {
  for (const child of node.children) addUp(child);
  const { targets } = node.segment;
  node.targets = targets.length + node.children.reduce((sum, child) => sum + child.targets, 0);
  node.grants =
    targets.reduce((sum, target) => sum + target.activeGrants, 0) +
    node.children.reduce((sum, child) => sum + child.grants, 0);
}

/** From top to bottom. */
export function rowsOf(nodes: readonly MapNode[], folded: ReadonlySet<string>): MapRow[] {
  const rows: MapRow[] = [];
  const walk = (level: readonly MapNode[], rails: boolean[]) => {
    for (const [index, node] of level.entries()) {
      const last = index === level.length - 1;
      const isFolded = folded.has(node.segment.path) && node.children.length > 0;
      rows.push({ node, folded: isFolded, rails, last, position: index + 1, size: level.length });
      if (!isFolded) walk(node.children, node.depth === 0 ? [] : [...rails, !last]);
    }
  };
  walk(nodes, []);
  return rows;
}

/** The paths to fold so that no more than `levels` levels are shown. */
export function foldedBelow(nodes: readonly MapNode[], levels: number): Set<string> {
  const paths = new Set<string>();
  const walk = (node: MapNode) => {
    if (node.depth >= levels - 1 && node.children.length > 0) paths.add(node.segment.path);
    for (const child of node.children) walk(child);
  };
  for (const node of nodes) walk(node);
  return paths;
}

/** A large tree starts with its upper levels, and with the way down to `selected`. */
export function foldedAtFirst(nodes: readonly MapNode[], selected: string): Set<string> {
  if (rowsOf(nodes, new Set()).length <= MOST_ROWS_AT_FIRST) return new Set();
  const folded = foldedBelow(nodes, LEVELS_AT_FIRST);
  for (const path of folded) if (selected.startsWith(`${path}/`)) folded.delete(path);
  return folded;
}

const MOST_ROWS_AT_FIRST = 60;
const LEVELS_AT_FIRST = 2;

export function depthOf(nodes: readonly MapNode[]): number {
  return nodes.reduce((most, node) => Math.max(most, node.depth + 1, depthOf(node.children)), 0);
}

export type MapMove = { select: string } | { fold: string } | { unfold: string } | null;

/** What a key does to the picture, as in any tree: arrows, Home, End. `rows` are those that are shown. */
export function moveBy(key: string, rows: readonly MapRow[], selected: string): MapMove {
  const at = rows.findIndex((row) => row.node.segment.path === selected);
  const row = rows[at];
  const select = (to: MapRow | undefined): MapMove =>
    to === undefined ? null : { select: to.node.segment.path };
  if (row === undefined) return select(rows[0]);
  const { path, parent } = row.node.segment;
  switch (key) {
    case 'ArrowDown':
      return select(rows[at + 1]);
    case 'ArrowUp':
      return select(rows[at - 1]);
    case 'Home':
      return select(rows[0]);
    case 'End':
      return select(rows.at(-1));
    case 'ArrowRight':
      if (row.node.children.length === 0) return null;
      return row.folded ? { unfold: path } : select(rows[at + 1]);
    case 'ArrowLeft':
      if (row.node.children.length > 0 && !row.folded) return { fold: path };
      return parent === null ? null : { select: parent };
    default:
      return null;
  }
}
