// The tree of segments with its targets, drawn as an outline.

import type { SegmentNode } from '../words/segments.ts';
import styles from './segment-tree.module.css';
import { TargetLine } from './target-line.tsx';

export function SegmentTree({ nodes }: { nodes: SegmentNode[] }) {
  return (
    <ul className={styles.tree}>
      {nodes.map((node) => (
        <li key={node.path}>
          <h2 className={styles.segment} title={node.path}>
            {node.label}
          </h2>
          {node.targets.length === 0 ? null : (
            <ul className="sp-list sp-panel">
              {node.targets.map((target) => (
                <TargetLine key={target.name} target={target} />
              ))}
            </ul>
          )}
          {node.children.length === 0 ? null : <SegmentTree nodes={node.children} />}
        </li>
      ))}
    </ul>
  );
}
