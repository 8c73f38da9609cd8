// Targets as they hang on the tree of segments: paths that only lead on are joined, so that the tree stays short.

import type { Target } from '../../src/api/targets.ts';

export interface SegmentNode {
  /** What is shown at this node: one or several levels, `prod / eu`. */
  label: string;
  /** The whole path, `prod/eu`. */
  path: string;
  children: SegmentNode[];
  targets: Target[];
}

/** Roots in alphabetical order. */
export function segmentTree(targets: Target[]): SegmentNode[] {
  const root: SegmentNode = { label: '', path: '', children: [], targets: [] };
  for (const target of [...targets].sort(
    (a, b) => a.segment.localeCompare(b.segment) || a.name.localeCompare(b.name),
  )) {
    let node = root;
    for (const level of target.segment.split('/')) {
      const path = node.path === '' ? level : `${node.path}/${level}`;
      let child = node.children.find((known) => known.path === path);
      if (child === undefined) {
        child = { label: level, path, children: [], targets: [] };
        node.children.push(child);
      }
      node = child;
    }
    node.targets.push(target);
  }
  return root.children.map(joined);
}

function joined(node: SegmentNode): SegmentNode {
  const only = node.children[0];
  if (node.targets.length === 0 && node.children.length === 1 && only !== undefined) {
    return joined({ ...only, label: `${node.label} / ${only.label}` });
  }
  return { ...node, children: node.children.map(joined) };
}
