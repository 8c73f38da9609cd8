// A session in one line that leads to its recording.

import { Link } from '@tanstack/react-router';
import type { Session } from '../../src/api/sessions.ts';
import { useSlowNow } from '../time/use-now.ts';
import { secondsBetween, spanText } from '../time/when.ts';
import { bytesText, counted } from '../words/counts.ts';
import { hostCounts, isOnHost } from '../words/host-entry.ts';
import styles from './session-line.module.css';
import { When } from './when.tsx';

export function SessionLine({ session }: { session: Session }) {
  const now = useSlowNow();
  const lasted = secondsBetween(session.startedAt, session.endedAt ?? new Date(now).toISOString());
  const onHost = isOnHost(session);
  const trouble = [
    ...(session.errors > 0 ? [counted(session.errors, 'error')] : []),
    ...(session.refused > 0 ? [`${session.refused} refused`] : []),
  ];
  return (
    <li className={styles.line}>
      <span className={styles.lamp} data-live={session.live} title={session.live ? 'Live' : 'Over'} />
      <Link to="/sessions/$id" params={{ id: session.id }} className={styles.link}>
        <strong>{session.principal.name}</strong> on {session.target}
        <span className={styles.sub}>
          {session.task} · {session.application ?? 'a client'} from {session.clientAddress}
        </span>
      </Link>
      <span className={styles.did}>
        {onHost ? hostCounts(session) : counted(session.statements, 'statement')}
        <span className={styles.sub}>
          {onHost
            ? `${bytesText(session.bytesRead)} out, ${bytesText(session.bytesWritten)} in`
            : `${counted(session.rowsRead, 'row')}, ${bytesText(session.bytesRead)}`}
        </span>
      </span>
      <span className={styles.when}>
        <When at={session.startedAt} as="clock" />
        <span className={styles.sub}>{spanText(lasted)}</span>
      </span>
      {trouble.length === 0 ? null : <span className={styles.trouble}>{trouble.join(', ')}</span>}
    </li>
  );
}
