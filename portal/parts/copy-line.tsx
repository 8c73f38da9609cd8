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

export function CopyLine({ text, label, prompt, block = false }: Props) {
  return (
    <div className={styles.line} data-block={block}>
      <code className={styles.text}>
        {prompt === undefined ? null : <span className={styles.prompt}>{prompt} </span>}
        {text}
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
