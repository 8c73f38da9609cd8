// What this process does by itself to recordings, whatever its roles: those on its disk are where their sessions ran.

import { join } from 'node:path';
import type { Logger } from '../base/log.ts';
import type { Config } from '../config.ts';
import type { Db } from '../db/client.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { createS3 } from '../object-store/s3.ts';
import { createFetched, type Fetched } from '../sessions/fetched.ts';
import { clearFiles, removeOver } from '../sessions/retention.ts';
import { createStoring, type Storing } from '../sessions/store-recordings.ts';

const RETENTION_EVERY_MS = 5_000;
const STORING_EVERY_MS = 2_000;

export interface Recordings {
  folder: string;
  fetched: Fetched;
  storing: Storing | null;
  jobs(): Repeating[];
}

export function createRecordings(ctx: {
  db: Db;
  log: Logger;
  config: Pick<Config, 'dataFolder' | 'recordings'>;
  gatewayName: string;
}): Recordings {
  const { db, log, gatewayName } = ctx;
  const { dataFolder, recordings } = ctx.config;
  const store =
    recordings.store === null
      ? null
      : { objects: createS3(recordings.store), prefix: recordings.store.prefix };
  const fetched = createFetched({ dataFolder, store });
  const here = { db, log, dataFolder, gatewayName, fetched };
  const storing = store === null ? null : createStoring({ ...here, store });
  return {
    folder: join(dataFolder, 'recordings'),
    fetched,
    storing,
    jobs: () => [
      repeat(ctx, 'retention of recordings', RETENTION_EVERY_MS, async (signal) => {
        await fetched.sweep();
        return (await removeOver({ ...here, store }, signal)) ? 0 : undefined;
      }),
      ...(storing === null
        ? []
        : [
            repeat(ctx, 'storing of recordings', STORING_EVERY_MS, async (signal) => {
              const more = await storing.turn(signal);
              await clearFiles(here);
              return more ? 0 : undefined;
            }),
          ]),
    ],
  };
}
