// Requests by day, stacked by how they were decided.

import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { Insights } from '../../src/api/insights.ts';
import { serverNowMs } from '../api/server-clock.ts';
import { filledDays } from '../words/days.ts';
import styles from './chart.module.css';

const HEIGHT = 240;

export function RequestsChart({ days, span }: { days: Insights['byDay']; span: number }) {
  const today = new Date(serverNowMs()).toISOString().slice(0, 10);
  const data = filledDays(days, today, span);
  const total = days.reduce((sum, day) => sum + day.requests, 0);
  return (
    <div
      className={styles.chart}
      role="img"
      aria-label={`${total} requests over ${data.length} days, by how they were decided`}
    >
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <BarChart
          data={data}
          margin={{ top: 4, right: 4, bottom: 0, left: -18 }}
          barCategoryGap="22%"
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--sp-line)" />
          <XAxis
            dataKey="label"
            tickLine={false}
            axisLine={{ stroke: 'var(--sp-line-strong)' }}
            minTickGap={24}
          />
          <YAxis allowDecimals={false} tickLine={false} axisLine={false} />
          <Tooltip cursor={{ fill: 'var(--sp-sunk)' }} isAnimationActive={false} />
          <Legend iconType="square" iconSize={10} />
          <Bar
            dataKey="allowed"
            name="Allowed at once"
            stackId="all"
            fill="var(--sp-chart-1)"
            isAnimationActive={false}
          />
          <Bar
            dataKey="approved"
            name="Approved"
            stackId="all"
            fill="var(--sp-chart-2)"
            isAnimationActive={false}
          />
          <Bar
            dataKey="denied"
            name="Denied"
            stackId="all"
            fill="var(--sp-chart-bad)"
            isAnimationActive={false}
          />
          <Bar
            dataKey="other"
            name="Pending, cancelled or expired"
            stackId="all"
            fill="var(--sp-chart-0)"
            isAnimationActive={false}
          />
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
