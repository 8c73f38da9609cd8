// What differs between two sets, file by file. Pure.

import type { FileChange, FileTexts } from '../api/policy-changes.ts';
import type { PolicyFiles } from '../policy/publish.ts';

/** By name; files that are the same are left out. */
export function changesBetween(before: PolicyFiles, after: PolicyFiles): FileChange[] {
  return differing(before, after).map(({ file, before: old, after: fresh }) => ({
    file,
    what: old === null ? 'added' : fresh === null ? 'removed' : 'changed',
  }));
}

/** The same with both texts; null where there is no such file. */
export function differing(before: PolicyFiles, after: PolicyFiles): FileTexts[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((file) =>
    before[file] === after[file] ? [] : [{ file, before: before[file] ?? null, after: after[file] ?? null }],
  );
}
