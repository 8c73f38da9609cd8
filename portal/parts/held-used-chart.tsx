// Hours held against hours used, task by task: the difference is what a shorter request would have spared.

import { Bar, BarChart, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { InsightRow } from '../../src/api/insights.ts';
import { spanText } from '../time/when.ts';
import styles from './chart.module.css';

const ROW_HEIGHT = 46;
const FRAME = 70;

export function HeldUsedChart({ rows }: { rows: InsightRow[] }) {
  const longest = Math.max(0, ...rows.map((row) => row.heldSeconds));
  const [unit, seconds] = longest < 2 * 3600 ? (['min', 60] as const) : (['h', 3600] as const);
  const data = rows.map((row) => ({
    name: row.name,
    held: row.heldSeconds / seconds,
    used: row.usedSeconds / seconds,
  }));
  const label = rows
    .map((row) => `${row.name}: used ${spanText(row.usedSeconds)} of ${spanText(row.heldSeconds)}`)
    .join('; ');
  return (
    <div className={styles.chart} role="img" aria-label={label}>
      <ResponsiveContainer width="100%" height={rows.length * ROW_HEIGHT + FRAME}>
        <BarChart
          data={data}
          layout="vertical"
          margin={{ top: 0, right: 12, bottom: 0, left: 4 }}
          barGap={-14}
          barCategoryGap="30%"
          accessibilityLayer={false}
        >
          <XAxis
            type="number"
            tickLine={false}
            axisLine={{ stroke: 'var(--sp-line-strong)' }}
            unit={` ${unit}`}
          />
          <YAxis type="category" dataKey="name" width={112} tickLine={false} axisLine={false} />
          <Tooltip
            cursor={{ fill: 'var(--sp-sunk)' }}
            isAnimationActive={false}
            formatter={(value) => spanText(Number(value) * seconds)}
          />
          <Legend iconType="square" iconSize={10} />
          <Bar
            dataKey="held"
            name="Held"
            fill="var(--sp-chart-0)"
            barSize={18}
            radius={[0, 3, 3, 0]}
            isAnimationActive={false}
          />
          <Bar
            dataKey="used"
            name="Used"
            fill="var(--sp-chart-2)"
            barSize={10}
            radius={[0, 2, 2, 0]}
            isAnimationActive={false}
          />
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
