// The two doors of a change: the proposer's signature and the other person's, each on the digest. Both must be given,
// and a change that one person made alone shows its second door as what it is.

import type { ProposalDetail } from '../../src/api/policy-plan.ts';
import { listText } from '../words/counts.ts';
import { shortDigest } from '../words/policy-change.ts';
import styles from './policy-signatures.module.css';
import { When } from './when.tsx';

export function PolicySignatures({ change }: { change: ProposalDetail }) {
  const first = change.signatures.find((one) => one.role === 'proposed');
  const second = change.signatures.find((one) => one.role === 'signed');
  const alone = change.signatures.some((one) => one.sole);
  return (
    <div className="sp-stack">
      <ol className={styles.doors} aria-label="Signatures">
        <Door
          given={first !== undefined}
          title={change.proposedBy.displayName}
          note={first === undefined ? null : <When at={first.at} as="exact" />}
          digest={first?.digest ?? null}
        />
        {alone ? (
          <Door given={false} alone title="Nobody else" note="One person signed alone." digest={null} />
        ) : second === undefined ? (
          <Door given={false} title="A second person" note={whoCould(change)} digest={null} />
        ) : (
          <Door
            given
            title={second.by.displayName}
            note={<When at={second.at} as="exact" />}
            digest={second.digest}
          />
        )}
      </ol>
      <div>
        <span className="sp-label">Digest</span>
        <p className="sp-mono sp-wrap">{change.digest}</p>
      </div>
    </div>
  );
}

function whoCould(change: ProposalDetail): string {
  if (change.state !== 'open') return 'Nobody signed.';
  if (change.soleSigner) return 'Nobody else may: one signature is enough.';
  const names = change.signers.map((one) => one.displayName);
  return names.length === 0 ? 'Nobody who is left could sign.' : `${listText(names)} can sign.`;
}

interface DoorProps {
  given: boolean;
  alone?: boolean;
  title: string;
  note: React.ReactNode;
  digest: string | null;
}

function Door({ given, alone = false, title, note, digest }: DoorProps) {
  return (
    <li className={styles.door} data-given={given} data-alone={alone}>
      <span className={styles.arch} aria-hidden="true" />
      <div className={styles.who}>
        <strong>{title}</strong>
        <span className={styles.note}>{note}</span>
        {digest === null ? null : <code className={styles.digest}>{shortDigest(digest)}…</code>}
      </div>
    </li>
  );
}
