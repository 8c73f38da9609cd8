// `sally replicas`: the processes of this installation, and taking one out of service while the others go on.

import type { Command } from 'commander';
import { MOST_DRAIN_SECONDS, type ReplicaView, replica, replicaList } from '../../api/replicas.ts';
import { parseDuration } from '../../base/duration.ts';
import { codeOf } from '../../base/errors.ts';
import { sleep } from '../../base/timer.ts';
import { type Api, path } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import type { Paint } from '../output.ts';
import { group, leaf, type Run, startRun } from '../run.ts';
import { relative } from '../times.ts';

const LOOK_EVERY_MS = 500;
/** Beyond the time that its sessions have: its own stop, and the store's word of it. */
const STOP_MARGIN_MS = 30_000;

export function command(): Command {
  return group('replicas', 'list the processes of this installation, and drain one', [
    listCommand(),
    drainCommand(),
  ]);
}

function listCommand(): Command {
  return leaf('list', 'all that were seen in the last day', ['replicas list', 'replicas list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/replicas', replicaList);
      const nowMs = api.nowMs();
      showTable(run, items, {
        none: 'No process was seen in the last day.',
        columns: [
          { title: 'NAME', cell: (one) => one.name, whole: true },
          {
            title: 'STATE',
            cell: (one) => one.state,
            whole: true,
            paint: (one, text) => run.out.paint(TONES[one.state], text),
          },
          { title: 'VERSION', cell: (one) => one.version },
          { title: 'ROLES', cell: (one) => one.roles.join(', ') },
          { title: 'ADDRESSES', cell: (one) => Object.values(one.addresses).join(', ') },
          { title: 'STARTED', cell: (one) => relative(one.startedAt, nowMs), whole: true },
          { title: 'SEEN', cell: (one) => relative(one.seenAt, nowMs), whole: true },
        ],
      });
    },
  );
}

const TONES: Record<ReplicaView['state'], Paint> = {
  running: 'good',
  draining: 'warn',
  stopped: 'dim',
  gone: 'bad',
};

interface DrainOptions {
  for?: string;
  reason?: string;
  wait: boolean;
}

function drainCommand(): Command {
  return leaf('drain <name>', 'let nobody new in there, and stop it when its sessions are over', [
    'replicas drain blue-1 --for 10m --reason "new kernel"',
    'replicas drain blue-1 --for 0s --reason "it misbehaves" --no-wait',
  ])
    .option('--for <duration>', 'how long open sessions may go on, 1h at most (default: as it was started)')
    .option('--reason <text>', 'why')
    .option('--no-wait', 'do not wait until it has stopped')
    .action(async (name: string, options: DrainOptions, self: Command) => {
      const run = startRun(self);
      const seconds = secondsFrom(options.for);
      const reason = await neededReason(run, options.reason, 'Why?');
      const api = await run.api();
      const asked = await api.post(path`/api/replicas/${name}/drain`, replica, {
        body: { reason, ...(seconds === undefined ? {} : { seconds }) },
      });
      const endsAtMs = Date.now() + (seconds ?? MOST_DRAIN_SECONDS) * 1000 + STOP_MARGIN_MS;
      const now = options.wait ? await watch(run, api, asked, endsAtMs) : asked;
      run.out.data(now, () => [said(asked, now)]);
      if (options.wait && now.state === 'draining' && now.startedAt === asked.startedAt)
        run.finish(EXIT.timedOut);
    });
}

function secondsFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === '0s' ? 0 : parseDuration(text, '--for', MOST_DRAIN_SECONDS);
}

/** Until it has stopped or another run has its name. The one that answers may be the one that stops. */
async function watch(run: Run, api: Api, asked: ReplicaView, endsAtMs: number): Promise<ReplicaView> {
  let now = asked;
  try {
    while (now.state === 'draining' && now.startedAt === asked.startedAt && Date.now() < endsAtMs) {
      run.out.live(`${asked.name} drains …`);
      await sleep(LOOK_EVERY_MS, run.interrupt);
      if (run.interrupt.aborted) break;
      const { items } = await api.get('/api/replicas', replicaList);
      now = items.find((one) => one.name === asked.name) ?? { ...now, state: 'gone' };
    }
  } catch (error) {
    if (codeOf(error) !== 'server-unreachable') throw error;
    run.out.say('It was the one that answered here, and does not any more.');
    now = { ...now, state: 'stopped' };
  } finally {
    run.out.settle();
  }
  return now;
}

function said(asked: ReplicaView, now: ReplicaView): string {
  if (now.startedAt !== asked.startedAt) return `${asked.name} has stopped, and was started again.`;
  if (now.state === 'draining')
    return `${asked.name} lets nobody new in, and stops when its sessions are over: \`sally replicas list\`.`;
  return now.state === 'stopped'
    ? `${asked.name} has stopped.`
    : `${asked.name} shows no sign of life any more: others go on with its work.`;
}
