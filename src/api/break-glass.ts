// Break-glass: using it, its reviews, drills, and what stands on the banner.

import { z } from 'zod';
import { grant } from './grants.ts';
import { principalRef } from './people.ts';
import {
  durationText,
  idText,
  nameText,
  pageOf,
  pageQuery,
  reasonText,
  segmentPath,
  timestamp,
} from './text.ts';

export const breakGlassBody = z.object({
  target: nameText,
  task: nameText,
  reason: reasonText,
  /** Left out: 30 minutes, or what policy allows at most where that is shorter. */
  duration: durationText.optional(),
  /** The target's name once more, typed: so that nobody breaks glass by accident. */
  confirm: z.string().max(100),
  /** It is the drill that was ordered of the caller. */
  drill: z.boolean().default(false),
});
export type BreakGlassBody = z.input<typeof breakGlassBody>;

/** Grants that came by break-glass and are not over, and kits that are open; everybody who is signed in sees them. */
export const brokenGlass = z.object({
  reviewId: idText,
  drill: z.boolean(),
  source: z.enum(['grant', 'kit']),
  /** Names; those of a kit as its openers gave them. */
  usedBy: z.array(z.string()),
  target: z.string().nullable(),
  segment: z.string(),
  task: z.string(),
  until: timestamp.nullable(),
});
export type BrokenGlass = z.infer<typeof brokenGlass>;
export const brokenGlassList = z.object({
  items: z.array(brokenGlass),
  /** Reviews that the reader may decide and that nobody has; and those of them past their due time. */
  reviewsWaiting: z.number().int(),
  reviewsOverdue: z.number().int(),
});

export const verdict = z.enum(['justified', 'not-justified', 'follow-up']);
export type Verdict = z.infer<typeof verdict>;

export const kitOpening = z.object({
  target: nameText,
  number: z.number().int(),
  /** `recorded`: written down first; `let-in`: then given its rights; `refused`: asked after its end. */
  act: z.string(),
  at: timestamp,
  until: timestamp,
  /** As given at the opening: nobody was there to check it. */
  holders: z.string(),
  reason: z.string(),
  clientAddress: z.string().nullable(),
});
export type KitOpening = z.infer<typeof kitOpening>;

export const review = z.object({
  id: idText,
  source: z.enum(['grant', 'kit']),
  drill: z.boolean(),
  grantId: idText.nullable(),
  requestId: idText.nullable(),
  kitId: idText.nullable(),
  target: z.string().nullable(),
  segment: z.string(),
  task: z.string(),
  reason: z.string(),
  usedBy: z.array(principalRef),
  told: z.array(principalRef),
  openedAt: timestamp,
  dueAt: timestamp,
  overdue: z.boolean(),
  /** How often those who may decide were reminded. */
  chases: z.number().int(),
  verdict: verdict.nullable(),
  comment: z.string().nullable(),
  decidedBy: principalRef.nullable(),
  decidedAt: timestamp.nullable(),
  sessions: z.array(
    z.object({
      id: idText,
      startedAt: timestamp,
      endedAt: timestamp.nullable(),
      statements: z.number().int(),
    }),
  ),
  openings: z.array(kitOpening),
  mayDecide: z.boolean(),
  mayNot: z.string().nullable(),
});
export type Review = z.infer<typeof review>;

export const reviewQuery = pageQuery.extend({ state: z.enum(['open', 'overdue', 'decided']).optional() });
export const reviewPage = pageOf(review);
export const reviewBody = z.object({ verdict, comment: reasonText });

export const brokenGlassAnswer = z.object({ grant, review });
export type BrokenGlassAnswer = z.infer<typeof brokenGlassAnswer>;

export const drillState = z.enum(['scheduled', 'ordered', 'running', 'done', 'missed', 'cancelled']);
export const drill = z.object({
  id: idText,
  kind: z.enum(['grant', 'kit']),
  /** Who is to run it; null for a kit's: its holders. */
  person: principalRef.nullable(),
  target: nameText.nullable(),
  task: nameText.nullable(),
  segment: z.string(),
  kitId: idText.nullable(),
  note: z.string(),
  dueAt: timestamp,
  everyDays: z.number().int().nullable(),
  state: drillState,
  orderedAt: timestamp.nullable(),
  startedAt: timestamp.nullable(),
  endedAt: timestamp.nullable(),
  reviewId: idText.nullable(),
  score: z.object({
    /** From the order to the first connection on the target; null: none. */
    secondsToConnect: z.number().nullable(),
    /** Null while it is neither done nor overdue. */
    reviewInTime: z.boolean().nullable(),
    /** Whether a quorum opened the kit; null where no kit was part of it. */
    kitOpened: z.boolean().nullable(),
  }),
});
export type Drill = z.infer<typeof drill>;
export const drillList = z.object({ items: z.array(drill) });

const LONGEST_EVERY_DAYS = 730;
export const scheduleDrillBody = z
  .object({
    person: nameText.optional(),
    target: nameText.optional(),
    task: nameText.optional(),
    /** For a kit: the drill opens it for real, and it is rotated afterwards. */
    segment: segmentPath.optional(),
    /** When it is ordered; now when left out. */
    at: timestamp.optional(),
    everyDays: z.number().int().min(1).max(LONGEST_EVERY_DAYS).optional(),
    note: z.string().trim().max(500).default(''),
  })
  .superRefine((body, ctx) => {
    const forGrant = body.person !== undefined || body.target !== undefined || body.task !== undefined;
    const refuse = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
    if (forGrant === (body.segment !== undefined))
      refuse('segment', 'Either a person, a target and a task, or the segment of a kit.');
    else if (forGrant)
      for (const field of ['person', 'target', 'task'] as const)
        if (body[field] === undefined)
          refuse(field, 'A drill of a grant names a person, a target and a task.');
  });
export type ScheduleDrillBody = z.input<typeof scheduleDrillBody>;
