// Hours held against hours used, task by task: the difference is what a shorter request would have spared.

import { Bar, BarChart, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { InsightRow } from '../../src/api/insights.ts';
import { spanText } from '../time/when.ts';
import styles from './chart.module.css';

const ROW_HEIGHT = 46;
const FRAME = 70;

export function HeldUsedChart({ rows }: { rows: InsightRow[] }) {
  const data = rows.map((row) => ({
    name: row.name,
    held: row.heldSeconds / 3600,
    used: row.usedSeconds / 3600,
  }));
  const label = data
    .map((row) => `${row.name}: used ${row.used.toFixed(1)} of ${row.held.toFixed(1)} hours`)
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
          <XAxis type="number" tickLine={false} axisLine={{ stroke: 'var(--sp-line-strong)' }} unit=" h" />
          <YAxis type="category" dataKey="name" width={112} tickLine={false} axisLine={false} />
          <Tooltip
            cursor={{ fill: 'var(--sp-sunk)' }}
            isAnimationActive={false}
            formatter={(value) => spanText(Number(value) * 3600)}
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
