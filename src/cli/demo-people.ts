// The demo's people: demo.json holds a token for each, so that one terminal can be engineer and approver in turn
// (`--as approver`). Only the demo writes that file; an own installation has none.

import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { Environment } from './environment.ts';
import { readIfThere } from './private-file.ts';

const DATA_FOLDER = '.sallyport';
const CHECKOUT = join(import.meta.dirname, '..', '..');

const demoFile = z.object({
  server: z.string(),
  people: z.record(z.string(), z.object({ token: z.string() })),
});

export interface Demo {
  path: string;
  /** The demo's address, e.g. http://127.0.0.1:7070 . */
  server: string;
  people: ReadonlyMap<string, Secret>;
}

/** The running demo of SALLY_DATA, else of this folder, else of the checkout; null when there is none. */
export function findDemo(environment: Environment, folder: string = process.cwd()): Demo | null {
  const folders =
    environment.dataFolder === null
      ? [join(folder, DATA_FOLDER), join(CHECKOUT, DATA_FOLDER)]
      : [environment.dataFolder];
  for (const candidate of folders) {
    const path = join(candidate, 'demo.json');
    const text = readIfThere(path);
    if (text !== null) return parse(path, text);
  }
  return null;
}

/** The token of one of the demo's people. Errors: `no-demo`, `unknown-person` (naming those that there are). */
export function demoPerson(environment: Environment, person: string): { server: string; token: Secret } {
  const demo = findDemo(environment);
  if (demo === null) {
    throw new Failure(
      'not-found',
      'no-demo',
      `--as ${person} needs a running demo, and there is no demo.json here.`,
      {
        hint: 'Start it with `npm start`, or set SALLY_DATA to its data folder. For an own installation: `sally login`.',
      },
    );
  }
  const token = demo.people.get(person);
  if (token === undefined) {
    throw new Failure('invalid', 'unknown-person', `The demo has nobody called "${person}".`, {
      hint: `It has ${[...demo.people.keys()].join(', ')}.`,
    });
  }
  return { server: demo.server, token };
}

function parse(path: string, text: string): Demo {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    raw = null;
  }
  const parsed = demoFile.safeParse(raw);
  if (!parsed.success) {
    throw new Failure('invalid', 'demo-file-broken', `${path} is not what the demo writes.`, {
      hint: 'Start the demo again with `npm start`: it writes the file anew.',
    });
  }
  const people = new Map(
    Object.entries(parsed.data.people).map(([name, { token }]) => [name, new Secret(token)]),
  );
  return { path, server: parsed.data.server, people };
}
