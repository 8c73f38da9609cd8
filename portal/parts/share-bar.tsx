// Three lengths in one bar: in use, held, asked for. The light is what was used.

import type { CSSProperties } from 'react';
import styles from './share-bar.module.css';

interface Props {
  label: string;
  inner: number;
  outer: number;
  whole: number;
}

const share = (part: number, whole: number) => Math.min(1, whole <= 0 ? 0 : part / whole);

export function ShareBar({ label, inner, outer, whole }: Props) {
  const style = { '--inner': share(inner, whole), '--outer': share(outer, whole) } as CSSProperties;
  return <div className={styles.bar} role="img" aria-label={label} title={label} style={style} />;
}
