// Sockets are open files, and a process may have only so many. Node raises its soft limit to the hard one by itself; what
// the gateways may take in must fit below that, so that reaching a limit is a clear error to one client and not a
// failing accept, store or recording for all.

import { readFileSync } from 'node:fs';

export interface GatewayConnections {
  postgres: number;
  ssh: number;
}

/** The client's socket, the target's, and the recording. */
const FILES_A_CONNECTION = 3;
/** API and portal, the store's pool, the program's own. */
const FILES_FOR_THE_REST = 1_000;
const FEWEST = 10;

/** How many files this process may have open at once; null where that is not said (everything but Linux). */
export function openFileLimit(): number | null {
  try {
    const line = /^Max open files +(\d+|unlimited) /m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return line === undefined || line === 'unlimited' ? null : Number(line);
  } catch {
    return null;
  }
}

/** Of `wanted` what fits into `files`, in the same proportion, and what all of it would need. */
export function connectionsWithin(
  files: number | null,
  wanted: GatewayConnections,
): { connections: GatewayConnections; neededFiles: number } {
  const all = wanted.postgres + wanted.ssh;
  const neededFiles = all * FILES_A_CONNECTION + FILES_FOR_THE_REST;
  if (files === null || files >= neededFiles) return { connections: wanted, neededFiles };
  const share = Math.max(0, files - FILES_FOR_THE_REST) / FILES_A_CONNECTION / all;
  const fitting = (count: number) => Math.max(FEWEST, Math.floor(count * share));
  return { connections: { postgres: fitting(wanted.postgres), ssh: fitting(wanted.ssh) }, neededFiles };
}
