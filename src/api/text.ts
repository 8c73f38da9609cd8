// The small shapes that every wire schema is made of: names, ids, reasons, durations, times, pages.

import { z } from 'zod';

export const LONGEST_REASON = 2000;
export const LARGEST_PAGE = 200;

// C0, DEL, C1, halves of characters, and the bidirectional and zero-width marks that make a text show other than it is.
const CONTROL = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

/** One line for people, of `least` to `most` characters after trimming, no control characters. */
export function lineText(most: number, least = 1) {
  return z
    .string()
    .trim()
    .min(least)
    .max(most, `At most ${most} characters.`)
    .refine((text) => !CONTROL.test(text), 'Control characters are not allowed.');
}

/** Free text from a person: 1 to 2,000 characters after trimming, no control characters. */
export const reasonText = z
  .string()
  .trim()
  .min(1, 'Say why, in a few words.')
  .max(LONGEST_REASON, `At most ${LONGEST_REASON} characters.`)
  .refine((text) => !CONTROL.test(text), 'Control characters are not allowed.');

export const ticketText = z
  .string()
  .trim()
  .min(1)
  .max(100, 'At most 100 characters.')
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._:/#-]*$/, 'Letters, digits and . _ : / # - only.');

export const nameText = z
  .string()
  .min(1)
  .max(100, 'At most 100 characters.')
  .regex(/^[a-z0-9][a-z0-9._@-]*$/, 'Lower-case letters, digits and . _ @ - only.');

export const segmentPath = z
  .string()
  .max(630)
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}(\/[a-z0-9][a-z0-9-]{0,62}){0,9}$/,
    'A path such as prod/eu/orders: lower-case letters, digits and -, at most ten levels.',
  );

/** `30m`; what it means is told by base/duration, which also knows the limits. */
export const durationText = z.string().min(1).max(20);

export const idText = z
  .string()
  .max(64)
  .regex(/^[a-z]{3}_[0-9a-z]{26}$/, 'An id such as req_01jd… .');

/** RFC 3339 in UTC, with milliseconds. */
export const timestamp = z.iso.datetime();

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(LARGEST_PAGE).default(50),
  /** The `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
});

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
