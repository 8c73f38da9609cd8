// What makes an entry evidence: the leaf as it was hashed, the hash, and a check of the one against the other that
// runs here, in the reader's own browser.

import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { AuditEntry } from '../../src/api/audit.ts';
import { leafHashOf } from '../api/leaf-hash.ts';
import { CopyLine } from './copy-line.tsx';
import styles from './entry-evidence.module.css';

export function EntryEvidence({ entry }: { entry: AuditEntry }) {
  const checking = useMutation({ mutationFn: () => leafHashOf(entry.leaf) });
  const holds = checking.data !== undefined && checking.data === entry.leafHash;
  return (
    <div className={styles.evidence}>
      <pre className={styles.leaf}>{JSON.stringify(entry.leaf, null, 2)}</pre>
      {entry.leafHash === null ? (
        <p className="sp-soft sp-small">It takes its place in the tree within a second.</p>
      ) : (
        <>
          <span className="sp-label">Leaf hash, entry {entry.index}</span>
          <CopyLine text={entry.leafHash} label={`Copy the leaf hash of entry ${entry.index ?? ''}`} />
          <div className="sp-row">
            <Button
              size="xs"
              variant="default"
              loading={checking.isPending}
              onClick={() => checking.mutate()}
            >
              Hash it here
            </Button>
            <span className="sp-small" aria-live="polite" data-holds={holds}>
              {checking.data === undefined
                ? 'SHA-256 over a zero byte and the leaf as canonical JSON (RFC 6962, RFC 8785).'
                : holds
                  ? 'The hash holds: the entry is what the log committed to.'
                  : `It does not hold: this leaf hashes to ${checking.data}.`}
            </span>
          </div>
        </>
      )}
    </div>
  );
}
