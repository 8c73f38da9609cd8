// One audit entry: its sentence, its place in the log, and, opened, the leaf itself with its hash.

import { Collapse } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useId, useState } from 'react';
import type { AuditEntry } from '../../src/api/audit.ts';
import { EntryEvidence } from './entry-evidence.tsx';
import styles from './entry-line.module.css';
import { When } from './when.tsx';

export function EntryLine({ entry, linked = true }: { entry: AuditEntry; linked?: boolean }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const { leaf } = entry;
  return (
    <li className={styles.item}>
      <div className={styles.row}>
        <button
          type="button"
          className={styles.toggle}
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpen(!open)}
        >
          <IconChevronRight size={15} className={styles.chevron} data-open={open} aria-hidden="true" />
          <span className={styles.index} title="Its place in the log">
            {entry.index === null ? '…' : `#${entry.index}`}
          </span>
          <span className={styles.sentence}>{entry.sentence}</span>
        </button>
        <span className={styles.facts}>
          {linked && leaf.requestId !== undefined ? (
            <Link
              to="/requests/$id"
              params={{ id: leaf.requestId }}
              className="sp-link"
              aria-label={`The elevation of entry ${entry.index ?? ''}`}
            >
              Elevation
            </Link>
          ) : null}
          {linked && leaf.requestId === undefined && leaf.grantId !== undefined ? (
            <Link
              to="/grants/$id"
              params={{ id: leaf.grantId }}
              className="sp-link"
              aria-label={`The elevation of entry ${entry.index ?? ''}`}
            >
              Elevation
            </Link>
          ) : null}
          {leaf.sessionId !== undefined ? (
            <Link to="/sessions/$id" params={{ id: leaf.sessionId }} className="sp-link">
              Session
            </Link>
          ) : null}
          <When at={leaf.at} as="exact" />
        </span>
      </div>
      <Collapse expanded={open} id={id}>
        {open ? <EntryEvidence entry={entry} /> : null}
      </Collapse>
    </li>
  );
}
