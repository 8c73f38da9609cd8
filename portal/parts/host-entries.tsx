// What was done in a session on a host, to read: programs, files with size and hash, forwarded connections.

import type { ReactNode } from 'react';
import type { Statement } from '../../src/api/sessions.ts';
import { localText, spanText, utcText } from '../time/when.ts';
import { bytesText, millisText } from '../words/counts.ts';
import { fileOf, groupEntries, hasTerminal } from '../words/host-entry.ts';
import styles from './host-entries.module.css';

interface Props {
  entries: Statement[];
  /** The index of the terminal that is shown. */
  shown: number | null;
  onShow: (index: number) => void;
}

export function HostEntries({ entries, shown, onShow }: Props) {
  const { commands, files, connections } = groupEntries(entries);
  return (
    <>
      <Section id="commands" title="Commands" entries={commands}>
        {(one) => (
          <Line key={one.index} entry={one} current={one.index === shown}>
            {hasTerminal(one) ? (
              <button
                type="button"
                className={styles.jump}
                onClick={() => onShow(one.index)}
                aria-label={`Show the terminal of ${one.index + 1}`}
              >
                <code className={styles.text}>{one.protocol === 'shell' ? 'a shell' : one.text}</code>
              </button>
            ) : (
              <code className={styles.text}>{one.protocol === 'shell' ? 'a shell' : one.text}</code>
            )}
            {one.sha256 === null ? null : <Hash of={one.sha256} />}
          </Line>
        )}
      </Section>
      <Section id="files" title="Files" entries={files}>
        {(one) => {
          const file = fileOf(one);
          return (
            <Line key={one.index} entry={one} sized={file?.moved === true}>
              <span className={styles.way}>{file?.way ?? 'SFTP'}</span>
              {file === null ? null : <code className={styles.text}>{file.path}</code>}
              {one.sha256 === null ? null : <Hash of={one.sha256} />}
            </Line>
          );
        }}
      </Section>
      <Section id="connections" title="Forwarded connections" entries={connections}>
        {(one) => (
          <Line key={one.index} entry={one}>
            <code className={styles.text}>{one.text}</code>
          </Line>
        )}
      </Section>
    </>
  );
}

function Section({
  id,
  title,
  entries,
  children,
}: {
  id: string;
  title: string;
  entries: Statement[];
  children: (entry: Statement) => ReactNode;
}) {
  if (entries.length === 0) return null;
  return (
    <section className="sp-section" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <ol className={`sp-panel sp-list ${styles.list}`} aria-label={title}>
        {entries.map(children)}
      </ol>
    </section>
  );
}

function Line({
  entry,
  current = false,
  sized = true,
  children,
}: {
  entry: Statement;
  current?: boolean;
  /** Its bytes are worth telling. */
  sized?: boolean;
  children: ReactNode;
}) {
  return (
    <li className={styles.item} aria-current={current ? 'step' : undefined}>
      <time
        className={styles.when}
        dateTime={entry.at}
        title={`${localText(entry.at, 0, { seconds: true })}, ${utcText(entry.at)}`}
      >
        +{spanText(entry.offsetMs / 1000)}
      </time>
      <div className={styles.what}>{children}</div>
      <span className={styles.result}>
        {entry.verdict === 'refused' ? (
          <strong className={styles.bad}>Refused</strong>
        ) : (
          <>
            {/* How much it is stands in the recording when it has ended. */}
            {sized && entry.durationMs !== null ? <span>{bytesText(entry.bytes)}</span> : null}
            <span>{entry.durationMs === null ? 'running' : millisText(entry.durationMs)}</span>
            {entry.exit === null || entry.exit === 0 ? null : (
              <strong className={styles.bad}>exit {entry.exit}</strong>
            )}
          </>
        )}
      </span>
      {entry.error === null ? null : <span className={styles.error}>{entry.error.message}</span>}
    </li>
  );
}

function Hash({ of }: { of: string }) {
  return (
    <span className={styles.hash}>
      SHA-256 <code>{of}</code>
    </span>
  );
}
