// A person, service or agent in one line: who, in what, when last seen. The whole line opens what is known of them.

import type { PrincipalView } from '../../src/api/people.ts';
import { groupText, stateOf } from '../words/people.ts';
import styles from './person-line.module.css';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

export function PersonLine({ principal, onLook }: { principal: PrincipalView; onLook: () => void }) {
  const { name, displayName, kind, title, groups, sponsor } = principal;
  const said = [
    kind === 'person' ? title : kind,
    sponsor === null ? null : `sponsored by ${sponsor.displayName}`,
    groups.length === 0 ? 'in no group' : groups.map((group) => groupText(principal, group)).join(', '),
  ].filter((text) => text !== null);
  return (
    <li className={styles.line}>
      <div className={styles.main}>
        <button type="button" className={styles.name} onClick={onLook}>
          {displayName}
        </button>{' '}
        <span className="sp-mono sp-small">{name}</span>
        <span className={styles.sub}>{said.join(' · ')}</span>
      </div>
      <span className={styles.state}>
        <StateBadge words={stateOf(principal)} />
      </span>
      <span className={styles.when}>
        {principal.lastUsedAt === null ? 'never used' : <When at={principal.lastUsedAt} as="ago" />}
      </span>
    </li>
  );
}
