// Each target, node by node: whether it answers, since when not, and how many steps wait for it.

import { Link } from '@tanstack/react-router';
import type { NodeHealthView, TargetHealth } from '../../src/api/health.ts';
import { Empty } from './empty.tsx';
import styles from './health-targets.module.css';
import { When } from './when.tsx';

export function HealthTargets({ targets }: { targets: TargetHealth[] }) {
  return (
    <section className="sp-section" aria-labelledby="target-health">
      <h2 id="target-health">Targets</h2>
      {targets.length === 0 ? (
        <Empty title="No target yet">An administrator adds the first one: ./sally target add.</Empty>
      ) : (
        <ul className={`sp-panel ${styles.list}`}>
          {targets.map((target) => (
            <li key={target.name} className={styles.target}>
              <div>
                <Link to="/targets/$name" params={{ name: target.name }} className="sp-link">
                  {target.name}
                </Link>
                <p className="sp-soft sp-small">
                  {target.activeGrants} active, {target.stepsWaiting} waiting
                </p>
              </div>
              <ul className={styles.nodes}>
                {target.nodes.length === 0 ? <li className="sp-soft">Not looked at yet.</li> : null}
                {target.nodes.map((node) => (
                  <Node key={node.node} node={node} />
                ))}
              </ul>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Node({ node }: { node: NodeHealthView }) {
  return (
    <li className={styles.node} data-failing={node.failingSince !== null}>
      <span className={styles.dot} aria-hidden="true" />
      <div className="sp-wrap">
        <span className="sp-mono">{node.node}</span> <span className="sp-soft">{node.role}</span>
        <p className="sp-small">
          {node.failingSince === null ? (
            <span className="sp-soft">
              answers; last asked <When at={node.lookedAt} as="ago" />
              {node.clockSkewSeconds === null
                ? ''
                : node.clockSkewSeconds < 1
                  ? '; clocks agree'
                  : `; its clock is ${node.clockSkewSeconds.toFixed(1)} s away`}
            </span>
          ) : (
            <>
              failing since <When at={node.failingSince} as="ago" />: {node.lastError}{' '}
              {node.lastContactAt === null ? (
                'It has never answered.'
              ) : (
                <>
                  Last answer <When at={node.lastContactAt} as="ago" />.
                </>
              )}
            </>
          )}
        </p>
      </div>
    </li>
  );
}
