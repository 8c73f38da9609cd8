// Rights given against rights used, task by task.

import { Bar, BarChart, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { InsightRow } from '../../src/api/insights.ts';
import styles from './chart.module.css';

const ROW_HEIGHT = 46;
const FRAME = 70;

export function RightsChart({ rows }: { rows: InsightRow[] }) {
  const data = rows.map((row) => ({
    name: row.name,
    used: row.rightsUsed,
    unused: Math.max(0, row.rightsGranted - row.rightsUsed),
  }));
  const label = rows
    .map((row) => `${row.name}: ${row.rightsUsed} of ${row.rightsGranted} rights used`)
    .join('; ');
  return (
    <div className={styles.chart} role="img" aria-label={label}>
      <ResponsiveContainer width="100%" height={rows.length * ROW_HEIGHT + FRAME}>
        <BarChart
          data={data}
          layout="vertical"
          margin={{ top: 0, right: 12, bottom: 0, left: 4 }}
          barCategoryGap="30%"
          accessibilityLayer={false}
        >
          <XAxis
            type="number"
            allowDecimals={false}
            tickLine={false}
            axisLine={{ stroke: 'var(--sp-line-strong)' }}
          />
          <YAxis type="category" dataKey="name" width={112} tickLine={false} axisLine={false} />
          <Tooltip cursor={{ fill: 'var(--sp-sunk)' }} isAnimationActive={false} />
          <Legend iconType="square" iconSize={10} />
          <Bar
            dataKey="used"
            name="Used"
            stackId="rights"
            fill="var(--sp-chart-2)"
            barSize={18}
            isAnimationActive={false}
          />
          <Bar
            dataKey="unused"
            name="Not used"
            stackId="rights"
            fill="var(--sp-chart-0)"
            barSize={18}
            radius={[0, 3, 3, 0]}
            isAnimationActive={false}
          />
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
