// What a check looked at, one item each, with what mends it.

import { IconAlertTriangle, IconCheck, IconX } from '@tabler/icons-react';
import type { CheckItem } from '../../src/api/targets.ts';
import styles from './check-panel.module.css';
import { CopyLine } from './copy-line.tsx';

const ICONS = { ok: IconCheck, warn: IconAlertTriangle, fail: IconX } as const;
const WORDS = { ok: 'Passed', warn: 'Warning', fail: 'Failed' } as const;

export function CheckItems({ items }: { items: CheckItem[] }) {
  return (
    <ul className={styles.list}>
      {items.map((item) => {
        const Icon = ICONS[item.status];
        return (
          <li key={item.name} data-status={item.status} className={styles.item}>
            <Icon size={17} role="img" aria-label={WORDS[item.status]} />
            <div className={styles.text}>
              <strong>{item.name}</strong>
              <p className="sp-soft sp-wrap">{item.detail}</p>
              {item.fix === undefined ? null : (
                <CopyLine block text={item.fix} label={`Copy what mends “${item.name}”`} />
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
