// Whether the log holds: the newest checkpoint, and how anyone checks the whole log without trusting this page.

import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { checkpointQuery } from '../api/audit.ts';
import { apiPath } from '../api/paths.ts';
import { VERIFY_COMMAND, VERIFY_OFFLINE_COMMAND } from '../words/commands.ts';
import { counted } from '../words/counts.ts';
import styles from './checkpoint-card.module.css';
import { CopyLine } from './copy-line.tsx';
import { Facts } from './facts.tsx';
import { Loaded } from './loaded.tsx';
import { When } from './when.tsx';

export function CheckpointCard({ auditor }: { auditor: boolean }) {
  const newest = useQuery(checkpointQuery);
  return (
    <div className={styles.columns}>
      <section className="sp-panel sp-pad sp-stack" aria-labelledby="newest">
        <h2 id="newest">Newest checkpoint</h2>
        <Loaded query={newest} rows={1} rowHeight={180}>
          {(found) => (
            <>
              <Facts
                facts={[
                  { name: 'Commits to', value: counted(found.size, 'entry', 'entries') },
                  { name: 'Signed', value: <When at={found.at} as="exact" /> },
                ]}
              />
              <div>
                <span className="sp-label">Root of the tree</span>
                <CopyLine text={found.root} label="Copy the root" />
              </div>
              <div>
                <span className="sp-label">Signed note</span>
                <CopyLine text={found.note} label="Copy the signed note" block />
              </div>
            </>
          )}
        </Loaded>
      </section>
      <section className="sp-panel sp-pad sp-stack" aria-labelledby="verify">
        <h2 id="verify">Verify</h2>
        <p>
          Each entry is a leaf of a Merkle tree whose root is signed at most a second later. A changed,
          missing or moved entry no longer fits the root, and the check names its index.
        </p>
        <div>
          <span className="sp-label">With this server</span>
          <CopyLine prompt="$" text={VERIFY_COMMAND} label="Copy the verify command" />
        </div>
        <div className={styles.step}>
          <span className="sp-label">Without any server</span>
          {auditor ? (
            <Button
              component="a"
              href={apiPath.auditExport()}
              download="sallyport-log.ndjson"
              variant="default"
              style={{ alignSelf: 'start' }}
            >
              Download the log
            </Button>
          ) : (
            <p className="sp-soft">Downloading the log needs the right to audit.</p>
          )}
          <CopyLine prompt="$" text={VERIFY_OFFLINE_COMMAND} label="Copy the offline verify command" />
        </div>
        <p className="sp-soft sp-small">
          Whoever holds the store and the signing key together is caught by the copies of checkpoints that are
          kept elsewhere: keep the signed note where only you can write.
        </p>
      </section>
    </div>
  );
}
