// What insight offers the API: the summary page, a grant's receipt, the metrics.

import type { Receipt } from '../api/grants.ts';
import type { Health } from '../api/health.ts';
import type { Insights } from '../api/insights.ts';
import type { Tasks } from '../targets/tasks.ts';
import { type HealthContext, readHealth } from './health.ts';
import { metricsText } from './metrics.ts';
import { receiptOf } from './receipt.ts';
import { summarise } from './summary.ts';

export interface Insight {
  /** `principalId` null: everybody. */
  summary(days: number, principalId: string | null): Promise<Insights>;
  receipt(grantId: string): Promise<Receipt>;
  metrics(): Promise<string>;
  health(): Promise<Health>;
}

export function createInsight(ctx: HealthContext & { tasks: Tasks }): Insight {
  return {
    summary: (days, principalId) => summarise(ctx, days, principalId),
    receipt: (grantId) => receiptOf(ctx, grantId),
    metrics: () => metricsText(ctx.db, { storing: ctx.recordings.storing !== null }),
    health: () => readHealth(ctx),
  };
}
