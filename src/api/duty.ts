// Who is on call, and who stands in for whom: both from a moment until a moment.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { idText, nameText, timestamp } from './text.ts';

/** RFC 3339, in any offset. */
export const moment = z.iso.datetime({ offset: true });

export const shift = z.object({
  id: idText,
  group: nameText,
  principal: principalRef,
  from: timestamp,
  until: timestamp,
  /** On call at this moment. */
  now: z.boolean(),
});
export type Shift = z.infer<typeof shift>;

export const addShiftBody = z.object({
  group: nameText,
  principal: nameText,
  /** Now when left out. */
  from: moment.optional(),
  until: moment,
});
export type AddShiftBody = z.infer<typeof addShiftBody>;

export const delegation = z.object({
  id: idText,
  /** Who is away. */
  principal: principalRef,
  standIn: principalRef,
  from: timestamp,
  until: timestamp,
  now: z.boolean(),
});
export type Delegation = z.infer<typeof delegation>;

export const delegateBody = z.object({
  standIn: nameText,
  from: moment.optional(),
  until: moment,
});
export type DelegateBody = z.infer<typeof delegateBody>;
