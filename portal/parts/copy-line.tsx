// A line to paste somewhere: shown whole, copied with one press.

import { ActionIcon, CopyButton, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import styles from './copy-line.module.css';

interface Props {
  text: string;
  /** The accessible name of the button, such as "Copy the connect command". */
  label: string;
  /** Shown before the text, not copied. */
  prompt?: string;
  /** Several lines (SQL) keep their breaks. */
  block?: boolean;
}

/** Longer ones (a hash, a connection string) may be broken anywhere. */
const LONGEST_WORD = 24;

export function CopyLine({ text, label, prompt, block = false }: Props) {
  return (
    <div className={styles.line} data-block={block}>
      <code className={styles.text}>
        {prompt === undefined ? null : <span className={styles.prompt}>{prompt} </span>}
        {block ? text : <Words text={text} />}
      </code>
      <CopyButton value={text} timeout={1500}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : label}>
            <ActionIcon onClick={copy} aria-label={label} size="md" className={styles.button}>
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}

// A line that does not fit is broken between words: an option torn apart after its dashes reads as two things.
function Words({ text }: { text: string }) {
  let from = 0;
  return text.split(/(?<= )/).map((word) => {
    const key = from;
    from += word.length;
    return (
      <span key={key} className={word.length > LONGEST_WORD ? undefined : styles.word}>
        {word}
      </span>
    );
  });
}
