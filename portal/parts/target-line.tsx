// A target in one block: its name, where it is, whether its check passed, who is in it.

import { Link } from '@tanstack/react-router';
import type { Target } from '../../src/api/targets.ts';
import { checkWords } from '../words/checks.ts';
import { counted } from '../words/counts.ts';
import { StateBadge } from './state-badge.tsx';
import styles from './target-line.module.css';

export function TargetLine({ target }: { target: Target }) {
  return (
    <li className={styles.line}>
      <span className={styles.what}>
        <Link to="/targets/$name" params={{ name: target.name }} className={styles.link}>
          {target.name}
        </Link>
        <span className={styles.sub}>
          {target.kind} at <span className="sp-mono">{target.address}</span>
        </span>
      </span>
      <span className={styles.sub}>
        {target.environment}
        {target.sensitivity === 'normal' ? '' : `, ${target.sensitivity} sensitivity`}
        <br />
        {counted(target.activeGrants, 'live grant')}
      </span>
      <StateBadge words={checkWords(target.check)} />
    </li>
  );
}
