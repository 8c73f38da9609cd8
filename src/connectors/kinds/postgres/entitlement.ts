// What a task on PostgreSQL may name, checked strictly, and how it reads to people. Names are plain and always
// quoted where they are used: no text of a task ever becomes SQL by itself.

import { z } from 'zod';
import type { GuardTerms, Right } from '../../contract.ts';
import { databaseName } from './settings.ts';

const MOST_NAMES = 200;
const LONGEST_STATEMENT_TIMEOUT_SECONDS = 86_400;
const NAME = '[A-Za-z_][A-Za-z0-9_$]{0,62}';

const name = z.string().regex(new RegExp(`^${NAME}$`), 'A plain name: letters, digits, _ and $, at most 63.');
const qualified = z
  .string()
  .regex(new RegExp(`^${NAME}\\.${NAME}$`), 'Schema and name, such as public.orders.');
const signature = z
  .string()
  .max(500)
  .regex(
    new RegExp(`^${NAME}\\.${NAME}\\([A-Za-z0-9_$., \\[\\]]*\\)$`),
    'Schema, name and argument types, such as public.refund(integer, text).',
  );

// TRIGGER is not among them: a trigger runs its writer's code as whoever changes the table next.
export const TABLE_PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES'] as const;
const COLUMN_PRIVILEGES: readonly string[] = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];

const tableRight = z
  .strictObject({
    name: qualified,
    privileges: z.array(z.enum(TABLE_PRIVILEGES)).min(1).max(TABLE_PRIVILEGES.length),
    columns: z.array(name).min(1).max(MOST_NAMES).optional().describe('Only these columns'),
  })
  .refine(
    (right) => right.columns === undefined || right.privileges.every((p) => COLUMN_PRIVILEGES.includes(p)),
    {
      message: `Columns go with ${COLUMN_PRIVILEGES.join(', ')} only.`,
      path: ['privileges'],
    },
  );

const guard = z.strictObject({
  allow: z.array(z.string().max(100)).max(50).default([]).describe('Rules that are lifted'),
  lists: z
    .enum(['enforce', 'warn', 'off'])
    .optional()
    .describe('Whether statements are held to what the task names; `warn` marks them in the recording'),
  functions: z
    .array(z.union([name, qualified]))
    .max(MOST_NAMES)
    .default([])
    .describe('Functions that may be called besides those of the task and of PostgreSQL itself'),
  requireWhere: z.boolean().default(false).describe('UPDATE and DELETE without WHERE are refused'),
});

export const entitlement = z
  .strictObject({
    database: databaseName.optional().describe('Only in this database; the target’s own when it is left out'),
    schemas: z.array(name).max(MOST_NAMES).default([]).describe('Schemas whose names may be used'),
    tables: z.array(tableRight).max(MOST_NAMES).default([]),
    sequences: z.array(qualified).max(MOST_NAMES).default([]),
    functions: z.array(signature).max(MOST_NAMES).default([]),
    createIn: z.array(name).max(MOST_NAMES).default([]).describe('Schemas in which objects may be made'),
    readOnly: z.boolean().default(false),
    actAs: name.optional().describe('The role that sessions act as: for work that needs ownership'),
    statementTimeoutSeconds: z.int().min(1).max(LONGEST_STATEMENT_TIMEOUT_SECONDS).optional(),
    guard: guard.optional().describe('What the gateway’s guard lets through for this task'),
  })
  .superRefine((task, ctx) => {
    const refuse = (path: (string | number)[], message: string) =>
      ctx.addIssue({ code: 'custom', path, message });
    if (task.readOnly) {
      task.tables.forEach((table, index) => {
        if (table.privileges.some((privilege) => privilege !== 'SELECT'))
          refuse(['tables', index, 'privileges'], 'A task that is read only has SELECT and nothing else.');
      });
      if (task.createIn.length > 0) refuse(['createIn'], 'A task that is read only makes nothing.');
      if (task.actAs !== undefined) refuse(['actAs'], 'A task that is read only does not act as an owner.');
    }
    if (task.actAs !== undefined && /^(pg_|sp_)/.test(task.actAs))
      refuse(['actAs'], 'An application’s own role, not one of PostgreSQL’s or Sallyport’s.');
    if ((task.guard?.lists ?? 'off') !== 'off' && isOpenEnded(task))
      refuse(
        ['guard', 'lists'],
        'A task that acts as an owner or makes objects cannot name all that it touches: leave this out.',
      );
    const nothing =
      task.tables.length +
      task.sequences.length +
      task.functions.length +
      task.createIn.length +
      task.schemas.length;
    if (nothing === 0 && task.actAs === undefined)
      refuse(['tables'], 'The task names nothing that it may do.');
  });

export type Entitlement = z.infer<typeof entitlement>;

const WORDS: Record<(typeof TABLE_PRIVILEGES)[number], string> = {
  SELECT: 'read',
  INSERT: 'insert into',
  UPDATE: 'change',
  DELETE: 'delete from',
  TRUNCATE: 'empty',
  REFERENCES: 'refer to',
};

/** One right an item; `verb` is the lower-case SQL word, `object` is `schema.name`, as sessions report their use. */
export function rightsOf(task: Entitlement): Right[] {
  const rights: Right[] = [];
  for (const table of task.tables) {
    for (const privilege of table.privileges) {
      const word = WORDS[privilege];
      const words =
        table.columns === undefined
          ? `${word} ${table.name}${privilege === 'SELECT' || privilege === 'UPDATE' ? ' (all columns)' : ''}`
          : `${word} ${table.columns.join(', ')} of ${table.name}`;
      rights.push({ verb: privilege.toLowerCase(), object: table.name, words });
    }
  }
  for (const sequence of task.sequences)
    rights.push({ verb: 'usage', object: sequence, words: `take numbers from ${sequence}` });
  for (const called of task.functions)
    rights.push({ verb: 'execute', object: called, words: `call ${called}` });
  for (const schema of task.createIn)
    rights.push({ verb: 'create', object: schema, words: `create objects in schema ${schema}` });
  if (task.actAs !== undefined) {
    const words = `act as ${task.actAs}: everything that this role owns, its structure included`;
    rights.push({ verb: 'act-as', object: task.actAs, words });
  }
  return rights;
}

/** Tasks that make objects, or act as an owner, touch what they cannot name beforehand. */
function isOpenEnded(task: { actAs?: string | undefined; createIn: string[] }): boolean {
  return task.actAs !== undefined || task.createIn.length > 0;
}

/** What the gateway holds sessions of a task to. Lists are enforced unless the task says otherwise or is open-ended. */
export function guardTermsOf(task: Entitlement): GuardTerms {
  const { allow = [], functions = [], requireWhere = false, lists } = task.guard ?? {};
  const mode = lists ?? (isOpenEnded(task) ? 'off' : 'enforce');
  if (mode === 'off') return { allow, lists: null, requireWhere };
  const relations = [
    ...task.tables.flatMap((table) =>
      table.privileges.map((privilege) => ({ verb: privilege.toLowerCase(), object: table.name })),
    ),
    ...task.sequences.map((object) => ({ verb: 'select', object })),
  ];
  const called = task.functions.map((text) => text.slice(0, text.indexOf('(')));
  return { allow, lists: { mode, relations, functions: [...called, ...functions] }, requireWhere };
}

/** Every schema that the task must be able to look into, once each. */
export function schemasOf(task: Entitlement): string[] {
  const named = [...task.tables.map((table) => table.name), ...task.sequences, ...task.functions];
  const inside = named.map((text) => text.slice(0, text.indexOf('.')));
  return [...new Set([...task.schemas, ...inside, ...task.createIn])];
}
