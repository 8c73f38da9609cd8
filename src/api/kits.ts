// Emergency kits: sealed files that a quorum of holders opens while Sallyport itself is down.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { durationText, idText, nameText, segmentPath, timestamp } from './text.ts';

export const FEWEST_QUORUM = 2;
export const MOST_HOLDERS = 20;

export const kit = z.object({
  id: idText,
  segment: segmentPath,
  task: nameText,
  quorum: z.number().int(),
  generation: z.number().int(),
  /** `making`: its logins are not all there yet. */
  state: z.enum(['making', 'ready', 'retiring', 'retired']),
  limitSeconds: z.number().int(),
  expiresAt: timestamp.nullable(),
  checkedAt: timestamp.nullable(),
  madeAt: timestamp,
  /** What would keep it from opening everywhere, in words; empty: it would open now. */
  problems: z.array(z.string()),
  holders: z.array(z.object({ person: principalRef, place: z.number().int(), hasShare: z.boolean() })),
  targets: z.array(
    z.object({
      name: nameText,
      login: z.string(),
      observed: z.enum(['unknown', 'present', 'inert', 'absent']),
      /** Why it is not there yet, or what the last look found. */
      problem: z.string().nullable(),
    }),
  ),
  /** The reader's own place among the holders, and whether their share still waits to be taken; null: no holder. */
  mine: z.object({ place: z.number().int(), shareWaits: z.boolean() }).nullable(),
});
export type Kit = z.infer<typeof kit>;
export const kitList = z.object({ items: z.array(kit) });

export const makeKitBody = z.object({
  segment: segmentPath,
  /** What opening it allows on every target below. */
  task: nameText,
  holders: z.array(nameText).min(FEWEST_QUORUM).max(MOST_HOLDERS),
  quorum: z.number().int().min(FEWEST_QUORUM).max(MOST_HOLDERS),
  /** How long an opening lasts on the targets. */
  limit: durationText.default('1h'),
});
export type MakeKitBody = z.input<typeof makeKitBody>;

/** Shown once: afterwards it is nowhere but with its holder. */
export const kitShare = z.object({
  kitId: idText,
  segment: segmentPath,
  generation: z.number().int(),
  place: z.number().int(),
  quorum: z.number().int(),
  share: z.string(),
});
export type KitShare = z.infer<typeof kitShare>;
