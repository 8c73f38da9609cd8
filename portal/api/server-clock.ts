// What time it is at the server. Its Date header has whole seconds only, so one answer places the difference within
// a second and a round trip; the intersection over many answers narrows that down to some tens of milliseconds.

export interface Offset {
  /** The difference server − here lies between these, in ms. */
  lowMs: number;
  highMs: number;
}

/** What one answer says: `date` is the header, the others this machine's clock around the call, in ms. */
export function offsetFrom(date: string | null, sentAtMs: number, receivedAtMs: number): Offset | null {
  const serverMs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(serverMs)) return null;
  return { lowMs: serverMs - receivedAtMs, highMs: serverMs + 999 - sentAtMs };
}

/** Both answers hold; where they cannot, a clock was moved and only the newer one counts. */
export function narrowed(known: Offset | null, fresh: Offset): Offset {
  if (known === null) return fresh;
  const lowMs = Math.max(known.lowMs, fresh.lowMs);
  const highMs = Math.min(known.highMs, fresh.highMs);
  return lowMs > highMs ? fresh : { lowMs, highMs };
}

/** The best single figure, in ms. */
export const middle = (offset: Offset | null): number =>
  offset === null ? 0 : Math.round((offset.lowMs + offset.highMs) / 2);

let known: Offset | null = null;

/** Notes an answer's Date header. */
export function heard(date: string | null, sentAtMs: number, receivedAtMs: number): void {
  const fresh = offsetFrom(date, sentAtMs, receivedAtMs);
  if (fresh !== null) known = narrowed(known, fresh);
}

/** The server's time, in ms since 1970. */
export const serverNowMs = (): number => Date.now() + middle(known);
