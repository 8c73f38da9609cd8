// What kind of data a target's columns hold.

import { z } from 'zod';
import { timestamp } from './text.ts';

const MOST_AT_ONCE = 500;
const NAME = '[A-Za-z_][A-Za-z0-9_$]{0,62}';

export const columnName = z
  .string()
  .regex(
    new RegExp(`^${NAME}\\.${NAME}\\.${NAME}$`),
    'Schema, table and column, such as public.customers.email.',
  );
const databaseName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_$-]{0,62}$/, 'Letters, digits, _ $ and - only, at most 63.');
/** As @mask names classes of data. */
export const labelName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,39}$/,
    'A class of data: lower-case letters, digits and hyphens, at most 40, such as pii.',
  );

export const columnLabel = z.object({
  database: z.string(),
  column: z.string(),
  label: z.string(),
  setBy: z.string(),
  setAt: timestamp,
});
export type ColumnLabel = z.infer<typeof columnLabel>;

export const setLabelsBody = z.strictObject({
  labels: z
    .array(
      z.strictObject({
        column: columnName,
        /** null takes it away. */
        label: labelName.nullable(),
        /** The target's own without it. */
        database: databaseName.optional(),
      }),
    )
    .min(1)
    .max(MOST_AT_ONCE),
});
export type SetLabelsBody = z.infer<typeof setLabelsBody>;

export const labelList = z.object({ items: z.array(columnLabel) });

export const suggestQuery = z.strictObject({
  /** no: by the names of columns alone; nothing of the data is read. */
  sample: z.enum(['yes', 'no']).default('yes'),
});

export const suggestedLabel = z.object({
  database: z.string(),
  column: z.string(),
  label: z.string(),
  /** What says so: the column's name, or what a sample of its values looks like. */
  because: z.array(z.enum(['name', 'data'])),
  /** What the values looked like: mail, phone, cards, iban, national-ids. */
  looksLike: z.string().nullable(),
  /** Values that were looked at, and how many of them looked like it. */
  sampled: z.int(),
  matching: z.int(),
});
export type SuggestedLabel = z.infer<typeof suggestedLabel>;

export const suggestedLabels = z.object({
  items: z.array(suggestedLabel),
  /** Tables of which a sample was read, and those that were not; both 0 where only names were asked for. */
  tables: z.object({ sampled: z.int(), unread: z.int() }),
});
export type SuggestedLabels = z.infer<typeof suggestedLabels>;
