// One figure of a running session over the last minute: a bar a second, the newest at the right.

import { PACE_SECONDS } from '../words/live-session.ts';
import styles from './live-session.module.css';

const HEIGHT = 40;
const BAR = 4;
const GAP = 1;
const WIDTH = PACE_SECONDS * (BAR + GAP) - GAP;

interface Props {
  name: string;
  values: number[];
  format: (value: number) => string;
}

export function PaceChart({ name, values, format }: Props) {
  const most = Math.max(...values, 0);
  const now = Math.max(values.at(-1) ?? 0, values.at(-2) ?? 0);
  return (
    <figure className={styles.pace}>
      <figcaption>
        <strong>{format(now)}</strong> {name} a second
        <span className={styles.most}>most {format(most)}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name} a second over the last minute: ${format(now)} now, ${format(most)} at most`}
      >
        <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className={styles.base} />
        {values.map((value, second) => {
          const height = value === 0 ? 0 : Math.max(2, (value / most) * (HEIGHT - 2));
          return (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place.
              key={second}
              x={second * (BAR + GAP)}
              y={HEIGHT - height}
              width={BAR}
              height={height}
              className={styles.bar}
            />
          );
        })}
      </svg>
    </figure>
  );
}
