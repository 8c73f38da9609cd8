// A policy as a sentence; a condition that has no words stands in it as Cedar.

import type { PolicyView } from '../../src/api/policies.ts';
import styles from './policy-sentence.module.css';

export function PolicySentence({ parts }: { parts: PolicyView['sentence'] }) {
  return (
    <p className={styles.sentence}>
      {parts.map((part) => (part.cedar ? <code key={part.text}>{part.text}</code> : part.text))}
    </p>
  );
}
