// What one entry of the log says: the leaf. Its canonical text (RFC 8785) is what the tree hashes, what an
// export carries and what a reader parses back; `src/api/audit.ts` states the same shape for the wire.

/** Who did it, as the entry keeps it: names change and people leave, the entry does not. */
export interface Actor {
  id: string;
  name: string;
  /** `person`, `service` or `agent`; `system` for Sallyport itself, `unknown` before anyone is signed in. */
  kind: string;
}

export interface Leaf {
  v: 1;
  /** RFC 3339, UTC, milliseconds: the clock of the process that acted. */
  at: string;
  kind: string;
  actor: Actor;
  requestId?: string;
  grantId?: string;
  sessionId?: string;
  targetId?: string;
  sourceAddress?: string;
  policyDigest?: string;
  detail: Record<string, unknown>;
}

/** Bytes of UTF-8 that a leaf's canonical text may have. */
export const LARGEST_LEAF_BYTES = 65_536;

const OPTIONAL_TEXTS = [
  'requestId',
  'grantId',
  'sessionId',
  'targetId',
  'sourceAddress',
  'policyDigest',
] as const;

/** The leaf behind its text, or null when the text is no leaf. */
export function parseLeaf(text: string): Leaf | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value.v !== 1 || !isRecord(value.actor) || !isRecord(value.detail)) return null;
  const { at, kind, actor, detail } = value;
  const { id, name, kind: actorKind } = actor as Record<string, unknown>;
  if (typeof at !== 'string' || typeof kind !== 'string') return null;
  if (typeof id !== 'string' || typeof name !== 'string' || typeof actorKind !== 'string') return null;
  const leaf: Leaf = {
    v: 1,
    at,
    kind,
    actor: { id, name, kind: actorKind },
    detail: detail as Record<string, unknown>,
  };
  for (const field of OPTIONAL_TEXTS) {
    const text = value[field];
    if (text === undefined) continue;
    if (typeof text !== 'string') return null;
    leaf[field] = text;
  }
  return leaf;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
