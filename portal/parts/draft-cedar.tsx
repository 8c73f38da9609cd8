// The Cedar of a draft, to copy, to download, or to hand on to whatever can propose it.

import { Button, CopyButton } from '@mantine/core';
import { CedarCode } from './cedar-code.tsx';
import styles from './draft-checked.module.css';

interface Props {
  /** Null while something is missing. */
  text: string | null;
  name: string;
  problems: Record<string, string>;
  /** Where drafts can be proposed: gets the file's name and its text. */
  onPropose?: (file: { name: string; text: string }) => void;
}

export function DraftCedar({ text, name, problems, onPropose }: Props) {
  const file = `${name}.cedar`;
  return (
    <section className="sp-stack" aria-labelledby="cedar">
      <h2 id="cedar">The policy as Cedar</h2>
      {text === null ? (
        <ul className={`sp-list ${styles.missing}`}>
          {Object.entries(problems).map(([field, problem]) => (
            <li key={field}>{problem}</li>
          ))}
        </ul>
      ) : (
        <>
          <CedarCode text={text} label="Cedar of the draft" />
          <div className="sp-row">
            <CopyButton value={text} timeout={1500}>
              {({ copied, copy }) => (
                <Button variant="default" onClick={copy}>
                  {copied ? 'Copied' : 'Copy'}
                </Button>
              )}
            </CopyButton>
            <Button variant="default" onClick={() => download(file, text)}>
              Download {file}
            </Button>
            {onPropose === undefined ? null : (
              <Button onClick={() => onPropose({ name: file, text })}>Propose</Button>
            )}
          </div>
          <p className="sp-soft sp-small">
            It is not in force. Propose it here, or put the file into the folder of your policies, and hand in
            the change with <code className="sp-mono">sally policy apply</code>.
          </p>
        </>
      )}
    </section>
  );
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Once the browser has begun to save it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
