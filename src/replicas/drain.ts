// Asking a replica to stop, from any other: it reads that with its next sign of life, and then does what SIGTERM does.
// The request names its present run, so that the next one under the name starts as ever. Nobody is asked who does
// something that nobody else would do then: whoever wants to stop everything stops the processes.

import type { DrainBody, ReplicaView } from '../api/replicas.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, notFound } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { isAlive, listReplicas, MOST_REPLICAS } from './replicas.ts';

/** Errors: `unknown-replica`, `replica-not-running`, `last-replica`. Asking once more changes the time. */
export async function askToDrain(
  db: Db,
  name: string,
  { seconds, reason }: DrainBody,
  by: { actor: Actor; sourceAddress: string },
): Promise<ReplicaView> {
  await db.transaction().execute(async (trx) => {
    // All of them are held, so that two who ask at once do not each leave the work to the other.
    const rows = await trx
      .selectFrom('replicas')
      .select(['name', 'run', 'roles', 'stopped_at', 'draining', 'drain_run'])
      .select(isAlive.as('alive'))
      .orderBy('name')
      .limit(MOST_REPLICAS)
      .forUpdate()
      .execute();
    const asked = rows.find((row) => row.name === name);
    if (asked === undefined) throw notFound('replica', name);
    if (asked.stopped_at !== null || !asked.alive)
      throw conflict('replica-not-running', `The replica ${name} does not run.`);
    const others = rows.filter(
      (row) =>
        row !== asked && row.stopped_at === null && row.alive && !row.draining && row.drain_run !== row.run,
    );
    const alone = asked.roles.filter((role) => !others.some((other) => other.roles.includes(role)));
    if (alone.length > 0) {
      throw conflict('last-replica', `No other replica that stays has the role ${alone.join(', ')}.`, {
        hint: 'Start another first. To stop the whole installation, stop its processes (SIGTERM).',
      });
    }
    await trx
      .updateTable('replicas')
      .set({ drain_run: asked.run, drain_seconds: seconds ?? null })
      .where('name', '=', name)
      .execute();
    await append(trx, {
      kind: 'replica.drain-asked',
      actor: by.actor,
      sourceAddress: by.sourceAddress,
      detail: { replica: name, reason, ...(seconds === undefined ? {} : { seconds }) },
    });
  });
  const found = (await listReplicas(db)).find((one) => one.name === name);
  if (found === undefined) throw notFound('replica', name);
  return found;
}
