// PATCH on a group, applied to the store operation by operation: with ten thousand members nothing is read and written
// back. The forms are those of RFC 7644, Entra (`members[value eq "…"]`, a list of values to remove) and Okta.

import { type ScimOperation, scimMemberList, scimText } from '../../api/scim.ts';
import type { Trx } from '../../db/client.ts';
import { addMembers, type MemberChange, removeMembers, setMembers } from './members.ts';
import { isRecord } from './protocol.ts';
import { readAs, scimRefusal } from './refusal.ts';

/** undefined: as it was; null: none any more. */
export interface GroupAttributes {
  displayName?: string;
  externalId?: string | null;
}

/** Who tries to set them to what they are is let through; to anything else they cannot be set. */
const IGNORED = ['id', 'schemas', 'meta'];

/** Applies members at once; what is said of the group itself is returned. Errors: `invalidPath`, `invalidValue`, `noTarget`. */
export async function applyToGroup(
  trx: Trx,
  groupId: string,
  operations: readonly ScimOperation[],
): Promise<{ attributes: GroupAttributes; members: MemberChange }> {
  const attributes: GroupAttributes = {};
  const members: MemberChange = { added: [], removed: [] };
  for (const operation of operations.flatMap(withPath)) {
    const path = operation.path ?? '';
    const name = path.toLowerCase().replace(/^urn:ietf:params:scim:schemas:core:2\.0:group:/, '');
    if (name === 'displayname') attributes.displayName = displayNameOf(operation);
    else if (name === 'externalid') attributes.externalId = externalIdOf(operation);
    else if (name === 'members' || name.startsWith('members[')) {
      const { added, removed } = await applyToMembers(trx, groupId, operation, path);
      members.added.push(...added);
      members.removed.push(...removed);
    } else throw scimRefusal('invalidPath', `A group has no attribute "${path.slice(0, 100)}".`);
  }
  return { attributes, members };
}

function withPath(operation: ScimOperation): ScimOperation[] {
  if (operation.path !== undefined) return [operation];
  if (operation.op === 'remove') throw scimRefusal('noTarget', 'A remove needs a path.');
  if (!isRecord(operation.value))
    throw scimRefusal('invalidValue', 'Without a path, the value is an object.');
  return Object.entries(operation.value)
    .filter(([name]) => !IGNORED.includes(name))
    .map(([path, value]) => ({ op: operation.op, path, value }));
}

function displayNameOf({ op, value }: ScimOperation): string {
  if (op === 'remove') throw scimRefusal('mutability', 'A group always has a displayName.');
  return readAs(scimText, value);
}

function externalIdOf({ op, value }: ScimOperation): string | null {
  return op === 'remove' ? null : readAs(scimText, value);
}

async function applyToMembers(
  trx: Trx,
  groupId: string,
  operation: ScimOperation,
  path: string,
): Promise<MemberChange> {
  const { op, value } = operation;
  const one = memberInPath(path);
  if (one !== null) {
    if (op !== 'remove') throw scimRefusal('mutability', 'A member is added or removed, not changed.');
    return { added: [], removed: await removeMembers(trx, groupId, [one]) };
  }
  const ids = value === undefined || value === null ? null : idsIn(value);
  if (op === 'remove') return { added: [], removed: await removeMembers(trx, groupId, ids) };
  if (ids === null) throw scimRefusal('invalidValue', 'members: the value is missing.');
  if (op === 'replace') return setMembers(trx, groupId, ids);
  return { added: await addMembers(trx, groupId, ids), removed: [] };
}

function memberInPath(path: string): string | null {
  if (!path.includes('[')) return null;
  const match = /^members\[\s*value\s+eq\s+"([^"\\]{1,64})"\s*\]$/i.exec(
    path.replace(/^urn:ietf:params:scim:schemas:core:2\.0:Group:/i, ''),
  );
  if (match?.[1] === undefined) throw scimRefusal('invalidPath', 'Only members[value eq "…"] is understood.');
  return match[1];
}

export function idsIn(value: unknown): string[] {
  return readAs(scimMemberList, Array.isArray(value) ? value : [value]).map((member) => {
    if (member.type !== undefined && member.type.toLowerCase() !== 'user')
      throw scimRefusal('invalidValue', 'Groups in groups are not supported.');
    return member.value;
  });
}
