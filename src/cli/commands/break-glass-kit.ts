// `sally break-glass kit`: emergency kits while there is a server: made, kept, and handed out to their holders.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Kit, kitList, kit as kitSchema, kitShare, type MakeKitBody } from '../../api/kits.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import { notFound } from '../../base/errors.ts';
import { sleep } from '../../base/timer.ts';
import { kitFile } from '../../break-glass/kit-file/kit-file.ts';
import { type Api, path } from '../client.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { wholeNumber } from '../needed.ts';
import { printable } from '../printable.ts';
import { writeNewPrivateFile } from '../private-file.ts';
import { group, leaf, type Run, startRun } from '../run.ts';
import { clock } from '../times.ts';
import { typedName } from '../typed-name.ts';

const LONGEST_LIMIT_SECONDS = 12 * 3_600;
const READY_WAIT_MS = 60_000;
const LOOK_EVERY_MS = 500;

export function kitCommand(): Command {
  return group('kit', 'emergency kits for when the server is down', [
    listCommand(),
    makeCommand(),
    shareCommand(),
    fetchCommand(),
    ...[
      act('rotate', 'make a kit anew: new logins, file and shares', 'is made anew; its holders are told'),
      act('retire', 'take a kit away for good', 'is taken away'),
      act('check', 'look now whether a kit would open', 'is being looked at: `sally break-glass kit list`'),
    ],
  ]);
}

function listCommand(): Command {
  return leaf('list', 'kits, whether they would open, and who holds them', [
    'break-glass kit list',
    'break-glass kit list --json',
  ]).action(async (_options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const { items } = await api.get('/api/kits', kitList);
    showTable(run, items, {
      none: 'No emergency kits that you may see: `sally break-glass kit make`.',
      columns: [
        { title: 'SEGMENT', cell: (k) => k.segment, whole: true },
        {
          title: 'STATE',
          cell: stateOf,
          whole: true,
          paint: (k, text) =>
            run.out.paint(k.state === 'ready' && k.problems.length === 0 ? 'good' : 'bad', text),
        },
        { title: 'TASK', cell: (k) => k.task },
        { title: 'GEN', cell: (k) => String(k.generation), align: 'right', whole: true },
        {
          title: 'HOLDERS',
          cell: (k) =>
            `${k.quorum} of ${k.holders.map((one) => `${one.person.name}${one.hasShare ? '' : ' (no share yet)'}`).join(', ')}`,
        },
        { title: 'TARGETS', cell: (k) => k.targets.map((one) => one.name).join(', ') },
        {
          title: 'EXPIRES',
          cell: (k) => (k.expiresAt === null ? '-' : clock(k.expiresAt, api.nowMs())),
          whole: true,
        },
      ],
    });
    for (const one of items) {
      for (const problem of one.problems) run.out.say(`${one.segment}: ${printable(problem)}`);
      if (one.state === 'making')
        for (const target of one.targets.filter((t) => t.problem !== null))
          run.out.say(`${one.segment}: ${target.name}: ${printable(target.problem ?? '')}`);
    }
  });
}

const stateOf = (k: Kit) => (k.state === 'ready' && k.problems.length > 0 ? 'STALE' : k.state);

interface MakeOptions {
  task?: string;
  holders?: string;
  quorum?: string;
  limit: string;
}

function makeCommand(): Command {
  return leaf('make <segment>', 'make the kit of a segment', [
    'break-glass kit make prod/eu --task fix-orders --holders ada,bo,cy --quorum 2',
    'break-glass kit make prod --task emergency --holders ada,bo,cy,di --quorum 3 --limit 2h',
  ])
    .option('--task <task>', 'what opening it allows, on every target below that offers the task')
    .option('--holders <names>', 'people, separated by commas; each gets a share of their own')
    .option('--quorum <n>', 'how many of them open it, 2 or more')
    .option('--limit <duration>', 'how long an opening lasts on the targets, at most 12h', '1h')
    .action(async (segment: string, options: MakeOptions, self: Command) => {
      const run = startRun(self);
      const { task, holders, quorum } = options;
      if (task === undefined || holders === undefined || quorum === undefined)
        throw usage(
          '--task, --holders or --quorum is missing.',
          'For example --task fix-orders --holders ada,bo,cy --quorum 2.',
        );
      parseDuration(options.limit, '--limit', LONGEST_LIMIT_SECONDS);
      const body: MakeKitBody = {
        segment,
        task,
        holders: holders.split(',').map((name) => name.trim()),
        quorum: wholeNumber(quorum, '--quorum', 2, 20),
        limit: options.limit,
      };
      const api = await run.api();
      const first = await api.post('/api/kits', kitSchema, { body });
      const made = await whenReady(run, api, first);
      run.out.data(made, () => [
        `Emergency kit of ${made.segment}: ${made.task} for ${formatDuration(made.limitSeconds)} on ${made.targets.map((one) => one.name).join(', ')}.`,
        ...(made.state === 'ready'
          ? [
              `Each of ${made.holders.map((one) => one.person.name).join(', ')} now takes their share, shown once, and the file:`,
              `  sally break-glass kit share ${made.segment}`,
              `  sally break-glass kit fetch ${made.segment}`,
            ]
          : made.targets
              .filter((one) => one.observed !== 'present')
              .map((one) => `It waits for ${one.name}: ${printable(one.problem ?? 'not there yet')}`)),
      ]);
      if (made.state !== 'ready') run.finish(EXIT.failed);
    });
}

async function whenReady(run: Run, api: Api, made: Kit): Promise<Kit> {
  let now = made;
  for (let waitedMs = 0; now.state === 'making' && waitedMs < READY_WAIT_MS; waitedMs += LOOK_EVERY_MS) {
    run.out.live(`Making its logins on ${now.targets.length} targets …`);
    await sleep(LOOK_EVERY_MS, run.interrupt);
    if (run.interrupt.aborted) break;
    now = await find(api, made.segment);
  }
  run.out.settle();
  return now;
}

async function find(api: Api, segment: string): Promise<Kit> {
  const { items } = await api.get('/api/kits', kitList);
  const found = items.find((one) => one.segment === segment);
  if (found === undefined) throw notFound('kit', segment);
  return found;
}

function shareCommand(): Command {
  return leaf('share <segment>', 'take your own share: it is shown once', [
    'break-glass kit share prod/eu',
    'break-glass kit share prod/eu --out share.txt',
  ])
    .option('--out <file>', 'write it there (0600), and not to the terminal')
    .action(async (segment: string, options: { out?: string }, self: Command) => {
      const run = startRun(self);
      refuseExisting(options.out);
      const api = await run.api();
      const found = await find(api, segment);
      const taken = await api.post(path`/api/kits/${found.id}/share`, kitShare);
      if (options.out !== undefined) {
        writeNewPrivateFile(options.out, `${taken.share}\n`);
        const { share: _, ...rest } = taken;
        return run.out.data({ ...rest, file: resolve(options.out) }, () => [
          `Your share is in ${options.out}. It is kept nowhere else.`,
        ]);
      }
      run.out.data(taken, () => [
        taken.share,
        `Your share of the emergency kit of ${taken.segment}, generation ${taken.generation}: ${taken.quorum} of them open it. It is kept nowhere else; write it down, away from the file.`,
      ]);
    });
}

function fetchCommand(): Command {
  return leaf('fetch <segment>', 'take the sealed file', [
    'break-glass kit fetch prod/eu --out kit-prod-eu.json',
  ])
    .option('--out <file>', 'where to (default: kit-<segment>.json here)')
    .action(async (segment: string, options: { out?: string }, self: Command) => {
      const run = startRun(self);
      const out = options.out ?? `kit-${segment.replaceAll('/', '-')}.json`;
      refuseExisting(out);
      const api = await run.api();
      const found = await find(api, segment);
      const file = await api.get(path`/api/kits/${found.id}/file`, kitFile);
      writeNewPrivateFile(out, `${JSON.stringify(file, null, 2)}\n`);
      run.out.data({ file: resolve(out), kitId: found.id, generation: file.generation }, () => [
        `Wrote ${out}, generation ${file.generation}. Keep it where you can reach it while Sallyport is down.`,
        `To open it, with ${file.quorum} shares: sally break-glass open ${out}`,
      ]);
    });
}

function refuseExisting(file: string | undefined): void {
  if (file !== undefined && existsSync(file))
    throw usage(
      `${file} is there already; it is never overwritten.`,
      'Name another with --out, or move that one away.',
    );
}

function act(verb: 'rotate' | 'retire' | 'check', summary: string, done: string): Command {
  const command = leaf(`${verb} <segment>`, summary, [`break-glass kit ${verb} prod/eu`]);
  if (verb === 'retire') command.option('--confirm <segment>', 'the segment once more, for scripts');
  return command.action(async (segment: string, options: { confirm?: string }, self: Command) => {
    const run = startRun(self);
    if (verb === 'retire')
      await typedName(
        run,
        segment,
        options.confirm,
        `Nobody can open it any more then. Type ${segment} to go on`,
      );
    const api = await run.api();
    const found = await find(api, segment);
    const changed = await api.post(`/api/kits/${encodeURIComponent(found.id)}/${verb}`, kitSchema);
    run.out.data(changed, () => [`The emergency kit of ${changed.segment} ${done}.`]);
  });
}
