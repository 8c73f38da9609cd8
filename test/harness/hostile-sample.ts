// Answers of the API with a text of one's choice in every place that takes it: what a hostile host, database or person
// could have put there. Made from the schemas themselves, so that a new field is tried without anybody thinking of it.

import { z } from 'zod';

/** Moves the cursor, sets the title, rings, forges a line, reorders letters, hides some; in C0, C1 and Unicode. */
export const HOSTILE =
  'a\u001b[2J\u001b]0;owned\u0007\r\nforged: line\u009b31m\u202egnirts\u2066\u200bz\ufeff\u2028end';
/** What no terminal may get of it. */
export const STEERING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is what this is for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Schema {
  type?: string;
  const?: Json;
  enum?: Json[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  prefixItems?: Schema[];
  minItems?: number;
  minimum?: number;
  exclusiveMinimum?: number;
}

const ID = '01jd2q0v6w8x9y0z1a2b3c4d5e';
const PREFIXES =
  'req grt ses prn tgt tsk tok cre dec brk rev kil kit prop plan stm dlg shf seg ins rep lnk chg'.split(' ');
/** In the place of text that a schema does not take, the first that it does. */
const PLAIN: string[] = [
  '2026-11-22T10:00:00.000Z',
  'prod/eu/orders',
  'd'.repeat(64),
  '127.0.0.1',
  'https://sally.example/x',
  '10m',
  'ABCD-EFGH',
  'c2VjcmV0',
  ...PREFIXES.map((prefix) => `${prefix}_${ID}`),
  'orders-db',
];
const MOST_ROUNDS = 200;

/** Errors: where no such value was found, with what the schema says to the last one. */
export function hostileSample<S extends z.ZodType>(schema: S): z.output<S> {
  let value = sample(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema);
  const tried = new Map<string, number>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const place = JSON.stringify(issue.path);
      const next = tried.get(place) ?? 0;
      tried.set(place, next + 1);
      value = replaced(value, issue.path, next);
    }
  }
  throw new Error(`No value for it: ${JSON.stringify(schema.safeParse(value).error?.issues.slice(0, 3))}`);
}

function replaced(value: Json, path: readonly PropertyKey[], next: number): Json {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (typeof value === 'number') return next + 1;
    return PLAIN[next] ?? null;
  }
  if (Array.isArray(value)) return value.map((item, n) => (n === key ? replaced(item, rest, next) : item));
  if (typeof value !== 'object' || value === null) return value;
  return { ...value, [String(key)]: replaced(value[String(key)] ?? null, rest, next) };
}

function sample(schema: Schema): Json {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0] ?? null;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return sample(choices.find((one) => one.type !== 'null') ?? {});
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map((one) => sample(one)));
  switch (schema.type) {
    case 'object':
      return sampleObject(schema);
    case 'array':
      if (schema.prefixItems !== undefined) return schema.prefixItems.map((one) => sample(one));
      return Array.from({ length: Math.max(1, schema.minItems ?? 1) }, () => sample(schema.items ?? {}));
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1, (schema.exclusiveMinimum ?? 0) + 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return HOSTILE;
  }
}

function sampleObject({ properties, additionalProperties }: Schema): Json {
  const named = Object.entries(properties ?? {}).map(([name, one]): [string, Json] => [name, sample(one)]);
  const more =
    typeof additionalProperties === 'object'
      ? [[HOSTILE, sample(additionalProperties)] as [string, Json]]
      : [];
  return Object.fromEntries([...named, ...more]);
}
