// What the target itself can promise about the end of a grant.

import { IconCheck, IconX } from '@tabler/icons-react';
import type { Target } from '../../src/api/targets.ts';
import { promisesOf } from '../words/checks.ts';
import styles from './promises.module.css';

export function Promises({ capabilities }: { capabilities: Target['capabilities'] }) {
  return (
    <div>
      <p className={styles.promise}>{capabilities.promise}</p>
      <ul className={styles.list}>
        {promisesOf(capabilities).map((promise) => (
          <li key={promise.text} data-held={promise.held}>
            {promise.held ? (
              <IconCheck size={16} aria-hidden="true" />
            ) : (
              <IconX size={16} aria-hidden="true" />
            )}
            {promise.text}
          </li>
        ))}
      </ul>
    </div>
  );
}
