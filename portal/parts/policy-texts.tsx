// The files of a change, line by line: what goes, what comes, and a few lines around.

import type { FileTexts } from '../../src/api/policy-changes.ts';
import { lineChanges, nearChanges } from '../../src/base/line-changes.ts';
import styles from './policy-texts.module.css';

const CONTEXT_LINES = 3;
const MARKS = { same: ' ', removed: '−', added: '+' } as const;
const SAID = { same: '', removed: 'removed: ', added: 'added: ' } as const;

export function PolicyTexts({ files }: { files: FileTexts[] }) {
  return (
    <div className="sp-stack">
      {files.map((file) => (
        <FileView key={file.file} file={file} />
      ))}
    </div>
  );
}

function FileView({ file: { file, before, after } }: { file: FileTexts }) {
  const lines = nearChanges(lineChanges(before ?? '', after ?? ''), CONTEXT_LINES).map((line, position) => ({
    at: `line ${position}`,
    line,
  }));
  const what = before === null ? 'new file' : after === null ? 'removed' : 'changed';
  return (
    <details className={`sp-panel ${styles.file}`} open>
      <summary className={styles.name}>
        <code>{file}</code> <span className="sp-soft sp-small">{what}</span>
      </summary>
      <pre className={styles.text}>
        {lines.map(({ at, line }) =>
          line === null ? (
            <span key={at} className={styles.gap}>
              …
            </span>
          ) : (
            <span key={at} className={styles.line} data-what={line.what}>
              <span aria-hidden="true" className={styles.mark}>
                {MARKS[line.what]}
              </span>
              <span className={styles.said}>{SAID[line.what]}</span>
              {line.text}
              {'\n'}
            </span>
          ),
        )}
      </pre>
    </details>
  );
}
