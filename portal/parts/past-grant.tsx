// A grant that is over, in one line that opens to its receipt.

import { Collapse } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useId, useState } from 'react';
import type { Grant } from '../../src/api/grants.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { receiptQuery } from '../api/grants.ts';
import { secondsBetween } from '../time/when.ts';
import { Loaded } from './loaded.tsx';
import styles from './past-grant.module.css';
import { ReceiptFacts } from './receipt-facts.tsx';
import { SameAgain } from './same-again.tsx';
import { When } from './when.tsx';

export function PastGrant({ grant }: { grant: Grant }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const held =
    grant.activatedAt === null || grant.endedAt === null
      ? null
      : secondsBetween(grant.activatedAt, grant.endedAt);
  return (
    <li className={styles.item}>
      <div className={styles.row}>
        <button
          type="button"
          className={styles.toggle}
          aria-expanded={open}
          aria-controls={id}
          aria-label={`Receipt for ${grant.task} on ${grant.target}`}
          onClick={() => setOpen(!open)}
        >
          <IconChevronRight size={16} className={styles.chevron} data-open={open} aria-hidden="true" />
          <span className={styles.name}>
            <strong>{grant.task}</strong> on {grant.target}
          </span>
        </button>
        <span className={styles.facts}>
          {held === null ? 'never opened' : `held ${describeDuration(held)}`}
          {grant.endReason === null ? '' : `, ${grant.endReason}`} ·{' '}
          <When at={grant.endedAt ?? grant.createdAt} as="ago" />
        </span>
        <SameAgain requestId={grant.requestId} what={`${grant.task} on ${grant.target}`} />
      </div>
      <Collapse expanded={open} id={id}>
        {open ? <PastReceipt grant={grant} /> : null}
      </Collapse>
    </li>
  );
}

function PastReceipt({ grant }: { grant: Grant }) {
  const receipt = useQuery(receiptQuery(grant.id));
  return (
    <div className={styles.receipt}>
      <Loaded query={receipt} rows={1} rowHeight={120}>
        {(found) => <ReceiptFacts receipt={found} />}
      </Loaded>
      <Link to="/requests/$id" params={{ id: grant.requestId }} className="sp-link sp-small">
        The whole elevation
      </Link>
    </div>
  );
}
