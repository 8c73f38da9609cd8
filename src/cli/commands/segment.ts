// `sally segment`: the tree that targets hang on, with the time zone and owner of each part.

import type { Command } from 'commander';
import { z } from 'zod';
import { LONGEST_STORE_GRACE_SECONDS, type SetSegmentBody, segment } from '../../api/targets.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { group, leaf, startRun } from '../run.ts';

export function command(): Command {
  return group('segment', 'list segments, set their time zone and owner', [listCommand(), setCommand()]);
}

function listCommand(): Command {
  return leaf('list', 'list segments', ['segment list', 'segment list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/segments', z.object({ items: z.array(segment) }));
      const inherited = (own: boolean, text: string) => (own || text === '' ? text : `${text} (from above)`);
      showTable(run, items, {
        none: 'No segments yet: they come with the first target.',
        columns: [
          { title: 'PATH', cell: (s) => s.path, whole: true },
          { title: 'TIME ZONE', cell: (s) => inherited(s.ownTimeZone, s.timeZone), whole: true },
          { title: 'OWNER', cell: (s) => inherited(s.ownOwner, s.owner ?? '') },
          {
            title: 'WITHOUT STORE',
            cell: (s) => inherited(s.ownStoreGrace, formatDuration(s.storeGraceSeconds)),
          },
          { title: 'DESCRIPTION', cell: (s) => s.description },
        ],
      });
    },
  );
}

function setCommand(): Command {
  return leaf('set <path>', 'set what holds in a segment and below it', [
    'segment set prod/eu --time-zone Europe/Berlin',
    'segment set prod/eu/orders --owner team-orders --description "Orders and refunds"',
    'segment set prod/eu/payments --store-grace 0s',
  ])
    .option('--time-zone <name>', 'an IANA name; `inherit` for that of the segment above')
    .option('--owner <name>', 'who answers for it; `inherit` for that of the segment above')
    .option('--description <text>', 'what it is')
    .option(
      '--store-grace <duration>',
      'how long open sessions go on while the store is away (3m unless set, 0s to 1h); `inherit` for that of the segment above',
    )
    .action(
      async (
        path: string,
        options: { timeZone?: string; owner?: string; description?: string; storeGrace?: string },
        self: Command,
      ) => {
        const run = startRun(self);
        const own = (text: string) => (text === 'inherit' ? null : text);
        const body: SetSegmentBody = {
          path,
          ...(options.timeZone === undefined ? {} : { timeZone: own(options.timeZone) }),
          ...(options.owner === undefined ? {} : { owner: own(options.owner) }),
          ...(options.description === undefined ? {} : { description: options.description }),
          ...(options.storeGrace === undefined ? {} : { storeGraceSeconds: graceOf(options.storeGrace) }),
        };
        if (Object.keys(body).length === 1)
          throw usage('Set what?', 'Give --time-zone, --owner, --description or --store-grace.');
        const api = await run.api();
        const set = await api.post('/api/segments', segment, { body });
        run.out.data(set, () => [`${set.path}: time zone ${set.timeZone}, owner ${set.owner ?? 'nobody'}.`]);
      },
    );
}

/** None at all is a choice here; null is what holds above. */
function graceOf(text: string): number | null {
  if (text === 'inherit') return null;
  return text === '0s' ? 0 : parseDuration(text, 'store-grace', LONGEST_STORE_GRACE_SECONDS);
}
