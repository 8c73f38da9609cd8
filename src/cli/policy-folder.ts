// A folder of policies as a set: its *.cedar files, and those of packs below `packs/`; and how a set differs from
// another, file by file.

import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { FileChange } from '../api/policy-changes.ts';
import { Failure, messageOf } from '../base/errors.ts';
import { usage } from './exit-codes.ts';

export type Files = Record<string, string>;

/** What GET /api/policy answers. */
export const policySet = z.object({ digest: z.string(), files: z.record(z.string(), z.string()) });

/** `packs`, and at most ten levels of a segment. */
const DEEPEST_FOLDER = 11;

/** Names as the server knows them: `orders.cedar`, `packs/prod/eu/orders.cedar`. Errors: usage, `unreadable-folder`. */
export function readPolicyFolder(folder: string): Files {
  const names = namesIn(folder);
  if (names.length === 0)
    throw usage(`${folder} holds no *.cedar file.`, 'Name the folder with the policies.');
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

function namesIn(folder: string): string[] {
  const top = entriesOf(folder);
  const files = top.filter(isPolicy).map((entry) => entry.name);
  const packs = top.some((entry) => entry.isDirectory() && entry.name === 'packs');
  return packs ? [...files, ...namesBelow(folder, 'packs', 1)] : files;
}

function namesBelow(root: string, path: string, depth: number): string[] {
  if (depth > DEEPEST_FOLDER) return [];
  return entriesOf(join(root, path)).flatMap((entry) => {
    const at = `${path}/${entry.name}`;
    if (entry.isDirectory()) return namesBelow(root, at, depth + 1);
    return isPolicy(entry) ? [at] : [];
  });
}

function isPolicy(entry: Dirent): boolean {
  return entry.isFile() && entry.name.endsWith('.cedar');
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw new Failure('invalid', 'unreadable-folder', `${folder} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** By name; files that are the same are left out. */
export function changesBetween(before: Files, after: Files): FileChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((file) => {
    if (before[file] === after[file]) return [];
    const what = before[file] === undefined ? 'added' : after[file] === undefined ? 'removed' : 'changed';
    return [{ file, what } as const];
  });
}

/** The whole set with the folder's own files as the pack of `segment`, for who may change that alone. */
export function withPack(inForce: Files, segment: string, pack: Files): Files {
  const prefix = `packs/${segment}/`;
  const inside = Object.keys(pack).find((name) => name.includes('/'));
  if (inside !== undefined) {
    throw usage(`A pack holds no folders: ${inside}.`, 'Name the folder with the files of that segment.');
  }
  const others = Object.entries(inForce).filter(
    ([name]) => !name.startsWith(prefix) || name.slice(prefix.length).includes('/'),
  );
  const own = Object.entries(pack).map(([name, text]) => [`${prefix}${name}`, text] as const);
  return Object.fromEntries([...others, ...own]);
}
