// A request in one line: who, what, where, how it stands. It leads to its page, or opens its card.

import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { Request } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { OUTCOMES, REQUEST_STATES } from '../words/states.ts';
import styles from './request-line.module.css';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

export function RequestLine({ request, onOpen }: { request: Request; onOpen?: () => void }) {
  const atOnce = request.decision.outcome === 'allow' && request.state === 'approved';
  return (
    <li className={styles.line}>
      <span className={styles.what}>
        <Link to="/requests/$id" params={{ id: request.id }} className={styles.link}>
          {request.requester.name} · {request.task.name}
          <span className={styles.on}> on </span>
          {request.target.name}
        </Link>
        <span className={styles.reason}>{request.reason}</span>
        {onOpen === undefined || request.state !== 'pending' || request.mayNot === null ? null : (
          <span className={styles.reason}>{request.mayNot}</span>
        )}
      </span>
      <span className={styles.facts}>
        {describeDuration(request.approvedDurationSeconds ?? request.durationSeconds)} ·{' '}
        <When at={request.createdAt} as="ago" />
      </span>
      {onOpen === undefined || request.state !== 'pending' ? (
        <StateBadge words={atOnce ? OUTCOMES.allow : REQUEST_STATES[request.state]} />
      ) : (
        <Button
          variant="default"
          size="xs"
          onClick={onOpen}
          aria-label={`Look at ${request.requester.name}, ${request.task.name} on ${request.target.name}`}
        >
          Look at it
        </Button>
      )}
    </li>
  );
}
