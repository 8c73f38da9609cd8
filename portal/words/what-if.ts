// What the what-if form holds, and what of it can be asked.

import { z } from 'zod';
import { type ExplainBody, explainBody } from '../../src/api/requests.ts';
import { secondsOf } from './durations.ts';

export interface WhatIf {
  /** Empty for oneself. */
  principal: string;
  target: string;
  task: string;
  duration: string;
  /** Empty for one's own. */
  sourceAddress: string;
  /** As `<input type="datetime-local">` has it, in the reader's own time zone; empty for now. */
  at: string;
  ticket: string;
}

/** The form's own address, so that a question can be sent to somebody. */
export const whatIfSearch = z.object({
  principal: z.string().max(100).optional().catch(undefined),
  target: z.string().max(100).optional().catch(undefined),
  task: z.string().max(100).optional().catch(undefined),
  duration: z.string().max(20).optional().catch(undefined),
  sourceAddress: z.string().max(60).optional().catch(undefined),
  at: z.string().max(30).optional().catch(undefined),
  ticket: z.string().max(100).optional().catch(undefined),
});
export type WhatIfSearch = z.infer<typeof whatIfSearch>;

export const whatIfFrom = (search: WhatIfSearch): WhatIf => ({
  principal: search.principal ?? '',
  target: search.target ?? '',
  task: search.task ?? '',
  duration: search.duration ?? '1h',
  sourceAddress: search.sourceAddress ?? '',
  at: search.at ?? '',
  ticket: search.ticket ?? '',
});

/** Only what differs from an empty form. */
export function searchFrom(form: WhatIf): WhatIfSearch {
  const filled = Object.entries(form).filter(
    ([name, value]) => value !== '' && !(name === 'duration' && value === '1h'),
  );
  return Object.fromEntries(filled);
}

export interface Question {
  /** Null until it can be asked. */
  body: ExplainBody | null;
  /** By field, what is wrong with what is typed. */
  problems: Record<string, string>;
}

export function questionFrom(form: WhatIf): Question {
  const problems: Record<string, string> = {};
  const at = form.at === '' ? null : new Date(form.at);
  if (at !== null && Number.isNaN(at.getTime())) problems.at = 'This is no time.';
  const address = form.sourceAddress.trim();
  if (address !== '' && !explainBody.shape.sourceAddress.safeParse(address).success)
    problems.sourceAddress = 'One IPv4 or IPv6 address, such as 10.1.2.3.';
  const ticket = form.ticket.trim();
  if (ticket !== '' && !explainBody.shape.ticket.safeParse(ticket).success)
    problems.ticket = 'Letters, digits and . _ : / # - only.';
  const asked = form.target !== '' && form.task !== '' && secondsOf(form.duration) !== null;
  if (!asked || Object.keys(problems).length > 0) return { body: null, problems };
  const principal = form.principal.trim();
  const parsed = explainBody.safeParse({
    target: form.target,
    task: form.task,
    duration: form.duration,
    ...(principal === '' ? {} : { principal }),
    ...(address === '' ? {} : { sourceAddress: address }),
    ...(at === null ? {} : { at: at.toISOString() }),
    ...(ticket === '' ? {} : { ticket }),
  });
  if (parsed.success) return { body: parsed.data, problems };
  return { body: null, problems: { principal: 'A name such as engineer.' } };
}
