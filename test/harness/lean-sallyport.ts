// Sallyport as a process of its own on servers that outlive it (run-program.ts): for tests that kill and start it again
// and again. What only the embedded servers or main.ts do is not shown by it.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { z } from 'zod';
import { fillOrdersDatabase, ORDERS_DATABASE } from '../../src/demo/orders-database.ts';
import type { MovedClock } from './moved-clock.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { openRoad, type Road } from './road.ts';
import { type Sallyport, startSallyport } from './sallyport.ts';
import { type Armed, type StepsCommand, told } from './steps.ts';

export interface LeanSallyport extends Sallyport {
  store: TestPostgres;
  target: TestPostgres;
  /** How the program reaches them; the test itself goes past it. */
  roads: { store: Road; target: Road };
  /** Counts its steps from here. */
  record(): void;
  /** The steps since `record`. */
  steps(): Promise<z.infer<typeof told>['counts']>;
  /** It kills itself there. */
  arm(step: Armed): void;
}

export async function startLeanSallyport(
  options: {
    storeVersion?: 15 | 18;
    storeSettings?: Record<string, string>;
    storeClock?: MovedClock;
    env?: Record<string, string>;
  } = {},
): Promise<LeanSallyport> {
  const [store, target] = await Promise.all([
    startPostgres({
      version: options.storeVersion ?? 18,
      settings: options.storeSettings ?? {},
      ...(options.storeClock === undefined ? {} : { clock: options.storeClock }),
    }),
    startPostgres({ version: 18 }),
  ]);
  const roads = { store: await openRoad(store.port), target: await openRoad(target.port) };
  const stopServers = () => {
    for (const road of Object.values(roads)) road.close();
    return Promise.all([store.stop(), target.stop()]);
  };
  const hearing = new Set<(message: unknown) => void>();
  try {
    const password = randomBytes(24).toString('base64url');
    await fillOrdersDatabase(target.adminUrl, password);
    const facts = { port: roads.target.port, password, superuserUrl: target.url(ORDERS_DATABASE) };
    const sallyport = await startSallyport(
      {
        DATABASE_URL: viaRoad(store.adminUrl, roads.store),
        TEST_TARGET: JSON.stringify(facts),
        ...options.env,
      },
      {
        other: {
          entry: join(import.meta.dirname, 'run-program.ts'),
          storeUrl: store.adminUrl,
          hear: (message) => {
            for (const one of hearing) one(message);
          },
        },
      },
    );
    const tell = (command: StepsCommand) => sallyport.send(command);
    return {
      ...sallyport,
      store,
      target,
      roads,
      record: () => tell({ act: 'record' }),
      steps: () =>
        new Promise((resolve) => {
          const hear = (message: unknown) => {
            hearing.delete(hear);
            resolve(told.parse(message).counts);
          };
          hearing.add(hear);
          tell({ act: 'tell' });
        }),
      arm: (step) => tell({ act: 'arm', armed: step }),
      async [Symbol.asyncDispose]() {
        await sallyport[Symbol.asyncDispose]();
        await stopServers();
      },
    };
  } catch (error) {
    await stopServers();
    throw error;
  }
}

function viaRoad(url: string, road: Road): string {
  const changed = new URL(url);
  changed.port = String(road.port);
  return changed.href;
}
