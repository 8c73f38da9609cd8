// `sally kill`: the kill switch. Ends every grant in a scope, refuses new ones there until it is lifted, and goes on
// watching until the targets have confirmed the last one. Whoever presses it types the name once more.

import type { Command } from 'commander';
import { EVERYTHING, KILL_SCOPES, type Kill, type KillScope, kill as killSchema } from '../../api/kills.ts';
import { sleep } from '../../base/timer.ts';
import { type Api, path } from '../client.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { addLimit, limitFrom, showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import { printable } from '../printable.ts';
import { askText } from '../prompts.ts';
import { group, leaf, type Run, startRun } from '../run.ts';
import { clock, relative } from '../times.ts';

const LOOK_EVERY_MS = 500;
/** Longer is said to be so, with how to look again; the revocations go on. */
const LONGEST_WATCH_MS = 10 * 60_000;

export function command(): Command {
  return group('kill', 'stop a person, a target, a segment or everything', [
    ...KILL_SCOPES.map(pressCommand),
    listCommand(),
    showCommand(),
    liftCommand(),
  ]);
}

interface PressOptions {
  reason?: string;
  yesIMean?: string;
  wait: boolean;
}

const MEANS: Record<KillScope, string> = {
  person: 'end all that a person, service or agent holds, with what acts in their name',
  target: 'end every grant on a target',
  segment: 'end every grant in a segment and below',
  everything: 'end every grant everywhere',
};

const EXAMPLES: Record<KillScope, string> = {
  person: 'kill person mallory --reason "laptop was stolen"',
  target: 'kill target orders-db --reason "something reads the customers" --yes-i-mean orders-db',
  segment: 'kill segment prod/eu --reason "incident 4711"',
  everything: 'kill everything --reason "incident 4711" --yes-i-mean everything',
};

function pressCommand(scope: KillScope): Command {
  const whole = scope === EVERYTHING;
  const made = leaf(whole ? scope : `${scope} <name>`, MEANS[scope], [EXAMPLES[scope]])
    .option('--reason <text>', 'why')
    .option('--yes-i-mean <name>', 'the name once more, instead of typing it when asked')
    .option('--no-wait', 'do not wait for the targets to confirm');
  const press = async (name: string, options: PressOptions, self: Command) => {
    const run = startRun(self);
    const reason = await neededReason(run, options.reason, 'Why?');
    const confirm = options.yesIMean ?? (await typed(run, name));
    if (confirm !== name)
      throw usage(`"${printable(confirm)}" is not "${printable(name)}".`, 'Nothing was stopped.');
    const api = await run.api();
    const pressed = await api.post('/api/kills', killSchema, { body: { scope, name, reason, confirm } });
    await report(run, api, pressed, options.wait);
  };
  return whole
    ? made.action((options: PressOptions, self: Command) => press(EVERYTHING, options, self))
    : made.action(press);
}

async function typed(run: Run, name: string): Promise<string> {
  if (!run.interactive)
    throw usage('This has to be confirmed.', `Add --yes-i-mean ${printable(name)}, the same name once more.`);
  return askText({
    message: `Every session and grant there ends now. Type ${printable(name)} to confirm.`,
    refuse: (answer) => (answer === name ? undefined : `Type exactly ${printable(name)}, or press Ctrl-C.`),
  });
}

/** Watches until the last grant is verified absent; exit code 5 when that takes longer than anybody waits. */
async function report(run: Run, api: Api, pressed: Kill, wait: boolean): Promise<void> {
  let now = pressed;
  const endsAtMs = Date.now() + LONGEST_WATCH_MS;
  try {
    // One look more than none: what was pressed a moment ago has not been counted whole yet.
    for (let looks = 0; wait && (looks < 2 || !isOver(now)) && Date.now() < endsAtMs; looks++) {
      run.out.live(progressText(now));
      await sleep(LOOK_EVERY_MS, run.interrupt);
      if (run.interrupt.aborted) break;
      now = await api.get(path`/api/kills/${now.id}`, killSchema);
    }
  } finally {
    run.out.settle();
  }
  run.out.data(now, () => [
    `${scopeText(now)} is stopped, by kill switch ${now.id}.`,
    progressText(now),
    ...waitingLines(now),
    `Nothing new is given there until it is lifted: \`sally kill lift ${now.id} --reason …\`.`,
  ]);
  if (wait && !isOver(now)) run.finish(EXIT.timedOut);
}

function isOver({ progress }: Kill): boolean {
  return progress === null || progress.gone === progress.grants;
}

/** `17 of 20 grants gone; waiting for fix-orders on orders-db (grace)`. */
function progressText({ progress }: Kill): string {
  if (progress === null) return 'How far it is, only those who may see the grants are told.';
  const cancelled = progress.cancelled === 0 ? '' : `; ${progress.cancelled} pending requests cancelled`;
  if (progress.grants === 0) return `No grant was live there${cancelled}.`;
  const [first] = progress.waiting;
  const rest = progress.waiting.length > 1 ? ' and others' : '';
  const waits =
    first === undefined
      ? ', verified on the targets'
      : `; waiting for ${first.task} on ${first.target} (${first.principal})${rest}`;
  return `${progress.gone} of ${progress.grants} gone${waits}${cancelled}.`;
}

function waitingLines({ progress }: Kill): string[] {
  return (progress?.waiting ?? []).map(
    (one) =>
      `  ${one.grantId}  ${one.state}  ${one.task} on ${one.target}${one.lastError === null ? '' : `: ${printable(one.lastError)}`}`,
  );
}

function scopeText({ scope, name }: Kill): string {
  return scope === EVERYTHING ? 'Everything' : `The ${scope} ${name}`;
}

function listCommand(): Command {
  const made = leaf('list', 'kill switches in force, or all of them', [
    'kill list',
    'kill list --all --json',
  ]).option('--all', 'those that were lifted too');
  return addLimit(made).action(async (options: { all?: boolean; limit: string }, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const state = options.all === true ? undefined : 'in-force';
    const rows = await api.list('/api/kills', killSchema, { state }, limitFrom(options.limit));
    const nowMs = api.nowMs();
    showTable(run, rows, {
      none: 'No kill switch is in force.',
      columns: [
        { title: 'ID', cell: (k) => k.id, whole: true },
        {
          title: 'STOPS',
          cell: (k) => (k.scope === EVERYTHING ? k.scope : `${k.scope} ${k.name}`),
          whole: true,
        },
        { title: 'BY', cell: (k) => k.killedBy.name, whole: true },
        { title: 'SINCE', cell: (k) => clock(k.killedAt, nowMs), whole: true },
        {
          title: 'LIFTED',
          cell: (k) => (k.liftedAt === null ? '' : relative(k.liftedAt, nowMs)),
          whole: true,
        },
        {
          title: 'GONE',
          cell: (k) => (k.progress === null ? '' : `${k.progress.gone} of ${k.progress.grants}`),
          whole: true,
        },
        { title: 'WHY', cell: (k) => k.reason },
      ],
    });
  });
}

function showCommand(): Command {
  return leaf('show <kill-id>', 'how far one is', ['kill show kil_01jd2q0v6w8x9y0z1a2b3c4d5e'])
    .option('--wait', 'until the targets have confirmed the last grant')
    .action(async (id: string, options: { wait?: boolean }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      await report(run, api, await api.get(path`/api/kills/${id}`, killSchema), options.wait === true);
    });
}

function liftCommand(): Command {
  return leaf('lift <kill-id>', 'let new requests in again; what was ended stays ended', [
    'kill lift kil_01jd2q0v6w8x9y0z1a2b3c4d5e --reason "the incident is over"',
  ])
    .option('--reason <text>', 'why')
    .action(async (id: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, 'Why is it over?');
      const api = await run.api();
      const lifted = await api.post(path`/api/kills/${id}/lift`, killSchema, { body: { reason } });
      run.out.data(lifted, () => [`${scopeText(lifted)} is no longer stopped.`]);
    });
}
