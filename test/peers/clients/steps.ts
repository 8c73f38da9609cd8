// What the clients written in TypeScript share: where to go, by PEER_ variables, and one JSON line a step on stdout.
// A step that is long is told by its digest.

import { createHash } from 'node:crypto';

const LONGEST_TOLD = 4_000;
const CANCEL_AGAIN_MS = 300;

export interface Peer {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** This run's own, emptied by whoever uses it. */
  table: string;
  tls: string;
}

export function fromEnvironment(): Peer {
  const given = (name: string) => {
    const value = process.env[`PEER_${name}`];
    if (value === undefined) throw new Error(`PEER_${name} is missing.`);
    return value;
  };
  return {
    host: given('HOST'),
    port: Number(given('PORT')),
    user: given('USER'),
    password: given('PASSWORD'),
    database: given('DATABASE'),
    table: given('TABLE'),
    tls: given('TLS'),
  };
}

export function step(name: string, value: unknown): void {
  const text = JSON.stringify(value) ?? 'nothing';
  const told =
    text.length <= LONGEST_TOLD
      ? value
      : { length: text.length, sha256: createHash('sha256').update(text).digest('hex') };
  console.log(JSON.stringify({ step: name, value: told }));
}

/** Cancels until it has ended: a request that overtakes its statement stops nothing. */
export async function endedBy<T>(running: Promise<T>, cancel: () => void): Promise<T> {
  const timer = setInterval(cancel, CANCEL_AGAIN_MS);
  return running.finally(() => clearInterval(timer));
}
