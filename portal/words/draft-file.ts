// Into which file of the policies a draft goes: one for everywhere, or one of the pack of the segment that it is for.

import type { PolicyPack } from '../../src/api/policy-plan.ts';

interface Where {
  /** The segment that the draft is for; null for anywhere, or a target. */
  segment: string | null;
  everywhere: boolean;
  packs: readonly PolicyPack[];
}

/** The choices, the nearest pack first; empty where there is none that the reader may propose to. */
export function filesFor(name: string, { segment, everywhere, packs }: Where): string[] {
  const around = packs
    .filter((pack) => pack.mayPropose && segment !== null && isIn(segment, pack.segment))
    .sort((a, b) => b.segment.length - a.segment.length);
  // A pack of its own for each segment is for those who keep one: a segment that only has an owner begins it.
  const files = around.map((pack) => `packs/${pack.segment}/${name}`);
  return everywhere ? [...files, name] : files;
}

function isIn(segment: string, above: string): boolean {
  return segment === above || segment.startsWith(`${above}/`);
}

/** All files, with the draft in its own, behind what that holds. */
export function withDraft(
  files: Readonly<Record<string, string>>,
  file: string,
  text: string,
): Record<string, string> {
  const held = files[file];
  return { ...files, [file]: held === undefined ? text : `${held.trimEnd()}\n\n${text}` };
}
