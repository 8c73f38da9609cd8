// The banner of the command line: while glass is broken, whoever lists grants sees it above them, on stderr.

import { type BrokenGlass, brokenGlassList } from '../api/break-glass.ts';
import type { Api } from './client.ts';
import { printable } from './printable.ts';
import type { Run } from './run.ts';
import { clock } from './times.ts';

export async function brokenGlassLines(run: Run, api: Api): Promise<string[]> {
  if (run.out.json) return [];
  const { items, reviewsOverdue } = await api.get('/api/break-glass', brokenGlassList);
  const lines = items.map((one) => run.out.paint('bad', printable(brokenGlassText(one, api.nowMs()))));
  if (reviewsOverdue > 0)
    lines.push(
      run.out.paint(
        'bad',
        `${reviewsOverdue} reviews of break-glass are OVERDUE: sally reviews list --state overdue`,
      ),
    );
  return lines;
}

function brokenGlassText(one: BrokenGlass, nowMs: number): string {
  const until = one.until === null ? '' : `, until ${clock(one.until, nowMs)}`;
  const how = one.source === 'kit' ? 'opened the emergency kit' : 'broke the glass';
  return `!! ${one.drill ? 'DRILL: ' : ''}${one.usedBy.join(', ')} ${how}: ${one.task} on ${one.target ?? one.segment}${until} (${one.reviewId})`;
}
