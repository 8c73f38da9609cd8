// The steps of a running program: each statement that changes the store or commits, and each round trip to a target,
// seen where all of them pass (the driver), so that a new one is found without being told of. Each has a name that is
// made of what it does. One can be armed: the process then kills itself before it, or after it, before anybody in the
// program has heard of the answer.

import pg from 'pg';
import { z } from 'zod';

export const armed = z.object({
  label: z.string(),
  /** The first is 1. */
  occurrence: z.number().int().positive(),
  when: z.enum(['before', 'after']),
});
export type Armed = z.infer<typeof armed>;

const command = z.discriminatedUnion('act', [
  /** Counts from here. */
  z.object({ act: z.literal('record') }),
  /** Answers with the steps since `record`. */
  z.object({ act: z.literal('tell') }),
  z.object({ act: z.literal('arm'), armed }),
]);
export type StepsCommand = z.infer<typeof command>;

/** How often each step was taken. */
export const told = z.object({ counts: z.record(z.string(), z.number()) });

export interface Steps {
  hear(message: unknown, answer: (counted: z.infer<typeof told>) => void): void;
}

/** Call it before anything connects. */
export function watchSteps(storePort: number): Steps {
  const state: { counts: Map<string, number>; armed: Armed | null } = { counts: new Map(), armed: null };
  const written = new WeakMap<pg.Client, string[]>();
  const reach = (label: string, when: Armed['when']) => {
    if (when === 'before') state.counts.set(label, (state.counts.get(label) ?? 0) + 1);
    const { armed } = state;
    if (armed?.label === label && armed.when === when && armed.occurrence === state.counts.get(label))
      process.kill(process.pid, 'SIGKILL');
  };
  const ask = pg.Client.prototype.query;
  Object.defineProperty(pg.Client.prototype, 'query', {
    value(this: pg.Client, ...args: unknown[]): unknown {
      const label =
        this.port === storePort
          ? storeStep(textOf(args[0]), writes(written, this), kindsIn(args))
          : targetStep(textOf(args[0]));
      if (label === null) return Reflect.apply(ask, this, args);
      reach(label, 'before');
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        const heard = (...answer: unknown[]) => {
          reach(label, 'after');
          return Reflect.apply(callback, undefined, answer);
        };
        return Reflect.apply(ask, this, [...args.slice(0, -1), heard]);
      }
      const answer: unknown = Reflect.apply(ask, this, args);
      return Promise.resolve(answer).finally(() => reach(label, 'after'));
    },
  });
  return {
    hear(message, answer) {
      const given = command.parse(message);
      if (given.act === 'tell') return answer({ counts: Object.fromEntries(state.counts) });
      state.counts.clear();
      state.armed = given.act === 'arm' ? given.armed : null;
    },
  };
}

function textOf(asked: unknown): string {
  if (typeof asked === 'string') return asked;
  const { text } = z.object({ text: z.string().optional() }).parse(asked);
  return text ?? '';
}

function writes(all: WeakMap<pg.Client, string[]>, client: pg.Client): string[] {
  const own = all.get(client) ?? [];
  all.set(client, own);
  return own;
}

const KIND = /^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/;

/** The kinds of audit entries among a statement's values: what tells two changes of one table apart. */
function kindsIn(args: unknown[]): string[] {
  const given = z.object({ values: z.array(z.unknown()) }).safeParse(args[0]);
  const values = given.success ? given.data.values : Array.isArray(args[1]) ? args[1] : [];
  const kinds = values.flat().filter((value) => typeof value === 'string' && KIND.test(value));
  return [...new Set(kinds)].map((kind) => `(${String(kind)})`);
}

const WRITE = /\b(insert into|update|delete from|truncate)\s+"?([a-z_]+)"?/gi;
/** `for update skip locked` and `do update set` write nothing by themselves. */
const NO_TABLE = new Set(['skip', 'set', 'of', 'nowait', 'on']);

/** null: it changes nothing. `open`: what the transaction on that connection has written so far. */
export function storeStep(text: string, open: string[], kinds: string[] = []): string | null {
  const head = text.trimStart().slice(0, 12).toLowerCase();
  if (head.startsWith('begin') || head.startsWith('start ') || head.startsWith('rollback')) {
    open.length = 0;
    return null;
  }
  if (head.startsWith('commit')) {
    const all = [...new Set(open.splice(0))];
    return all.length === 0 ? null : `store: commit of ${all.join(' + ')}`;
  }
  const found = [...text.matchAll(WRITE)]
    .filter(([, , table = '']) => !NO_TABLE.has(table.toLowerCase()))
    .map(([, verb = '', table = '']) => `${verb.split(' ')[0]?.toLowerCase()} ${table}`);
  if (found.length > 0) {
    const label = [[...new Set(found)].join(', '), ...kinds].join(' ');
    open.push(label);
    return `store: ${label}`;
  }
  return text.includes('pg_notify') ? 'store: notify' : null;
}

const ON_TARGET =
  /\b(CREATE ROLE|ALTER ROLE|DROP ROLE|COMMENT ON ROLE|REASSIGN OWNED|DROP OWNED|GRANT|REVOKE|pg_terminate_backend|VALID UNTIL|COMMIT)\b/g;

/** Reads are steps too: what the program knows of a target when it dies is what it has asked. */
export function targetStep(text: string): string {
  const acts = [...new Set([...text.matchAll(ON_TARGET)].map(([, act = '']) => act))];
  if (acts.length > 0) return `target: ${acts.join(', ')}`;
  const from = [
    ...new Set([...text.matchAll(/\bFROM (pg_[a-z_]+)/gi)].map(([, name = '']) => name.toLowerCase())),
  ];
  return from.length > 0 ? `target: read ${from.join(', ')}` : 'target: read';
}
