// A state as a word with a mark whose shape, not its colour alone, tells the tone.

import type { StateWords, Tone } from '../words/states.ts';
import styles from './state-badge.module.css';

const GLYPHS: Record<Tone, string> = {
  open: 'M2 1h2.2v10H2zM7.8 1H10v10H7.8z',
  good: 'M1.6 6.2 4.6 9.2 10.4 3',
  wait: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M6 3.4V6l1.8 1.2',
  bad: 'M2.4 2.4l7.2 7.2M9.6 2.4 2.4 9.6',
  quiet: 'M2 6h8',
};

export function StateBadge({ words, note }: { words: StateWords; note?: string }) {
  return (
    <span className={styles.badge} data-tone={words.tone} title={words.meaning}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
        <path
          d={GLYPHS[words.tone]}
          fill={words.tone === 'open' ? 'currentColor' : 'none'}
          stroke={words.tone === 'open' ? 'none' : 'currentColor'}
          strokeWidth="1.6"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      {words.word}
      {note === undefined ? null : <span className={styles.note}>{note}</span>}
    </span>
  );
}
