// Asking for access: what `request` and `connect` share. What is missing on the command line is asked for at a
// terminal, and is a usage error that names the flag anywhere else.

import { execFile } from 'node:child_process';
import { z } from 'zod';
import {
  type BundleBody,
  type Preview,
  type PreviewBody,
  preview,
  type SubmitBody,
  type Submitted,
  submitted,
} from '../api/requests.ts';
import { target as targetSchema } from '../api/targets.ts';
import { reasonText } from '../api/text.ts';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';
import type { BundleFile } from './bundle-file.ts';
import { enoughLines, refusalLines } from './cards.ts';
import type { Api } from './client.ts';
import { usage } from './exit-codes.ts';
import { printable } from './printable.ts';
import { askChoice, askText } from './prompts.ts';
import type { Run } from './run.ts';

export const USUAL_DURATION = '1h';
const GIT_TIMEOUT_MS = 1000;
const UNTELLING_BRANCHES = ['main', 'master', 'trunk', 'develop', 'HEAD'];

export interface AskOptions {
  task?: string;
  for?: string;
  reason?: string;
  ticket?: string;
  at?: string;
  once?: boolean;
  sessionBound?: boolean;
}

/** The body to send; asks for task and reason where they are missing and someone is there. */
export async function askBody(run: Run, api: Api, target: string, options: AskOptions): Promise<SubmitBody> {
  const duration = options.for ?? USUAL_DURATION;
  parseDuration(duration, '--for');
  const task = options.task ?? (await askTask(run, api, target));
  const reason = options.reason ?? (await askReason(run));
  return {
    target,
    task,
    duration,
    reason,
    ...(options.ticket === undefined ? {} : { ticket: options.ticket }),
    ...(options.at === undefined ? {} : { startsAt: options.at }),
    ...wishOf(options),
  };
}

/** The body of a bundle; a flag says it before the file does. */
export async function askBundle(run: Run, file: BundleFile, options: AskOptions): Promise<BundleBody> {
  const duration = options.for ?? file.for ?? USUAL_DURATION;
  parseDuration(duration, '--for');
  const ticket = options.ticket ?? file.ticket;
  return {
    members: file.members,
    duration,
    reason: options.reason ?? file.reason ?? (await askReason(run)),
    ...(ticket === undefined ? {} : { ticket }),
    ...(options.at === undefined ? {} : { startsAt: options.at }),
    ...(file.use === undefined ? {} : { use: file.use }),
    ...wishOf(options),
  };
}

/** The strictest of what was wished. */
function wishOf({ once, sessionBound }: AskOptions): Pick<SubmitBody, 'use'> {
  if (once === true) return { use: 'once' };
  return sessionBound === true ? { use: 'session' } : {};
}

export async function submit(api: Api, body: SubmitBody): Promise<Submitted> {
  return api.post('/api/requests', submitted, { body });
}

/** Says on stderr why it was refused and what would be enough. */
export async function explainRefusal(run: Run, api: Api, { request }: Submitted): Promise<void> {
  if (run.out.json) return;
  for (const line of refusalLines(request)) run.out.say(`  ${line}`);
  if (request.state !== 'denied' || request.decision.outcome !== 'deny') return;
  const could = await previewOf(api, {
    target: request.target.name,
    task: request.task.name,
    duration: formatDuration(request.durationSeconds),
    ...(request.ticket === null ? {} : { ticket: request.ticket }),
  });
  if (could === null) return;
  for (const line of enoughLines(could, request.durationSeconds)) run.out.say(`  ${line}`);
}

/** The refusal has been told already; a preview that fails must not hide it. */
async function previewOf(api: Api, body: PreviewBody): Promise<Preview | null> {
  try {
    return await api.post('/api/requests/preview', preview, { body });
  } catch (error) {
    if (error instanceof Failure && error.code !== 'interrupted') return null;
    throw error;
  }
}

async function askTask(run: Run, api: Api, target: string): Promise<string> {
  if (!run.interactive)
    throw usage('Which task?', `Add --task <task>; \`sally task list\` shows what there is.`);
  const { items } = await api.get('/api/targets', z.object({ items: z.array(targetSchema) }));
  const found = items.find((item) => item.name === target);
  if (found === undefined) {
    throw new Failure('not-found', 'unknown-target', `There is no target "${target}" that you can see.`, {
      hint: `There is ${items.map((item) => item.name).join(', ') || 'none yet: `sally target add`'}.`,
    });
  }
  return askChoice(
    `Which task on ${target}?`,
    found.tasks.map((name) => ({ value: name, label: name })),
  );
}

async function askReason(run: Run): Promise<string> {
  if (!run.interactive)
    throw usage('Why? A reason is missing.', 'Add --reason "what it is for, in a few words".');
  const branch = await gitBranch();
  return askText({
    message: 'Why? (approvers and the audit log see this)',
    ...(branch === null ? {} : { initial: branch }),
    refuse: (answer) => reasonText.safeParse(answer).error?.issues[0]?.message,
  });
}

/** The branch that one is on, as a first guess at the purpose; null where it says nothing. */
function gitBranch(): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('git', ['rev-parse', '--abbrev-ref', 'HEAD'], { timeout: GIT_TIMEOUT_MS }, (error, stdout) => {
      const branch = stdout.trim();
      resolve(
        error !== null || branch === '' || UNTELLING_BRANCHES.includes(branch) ? null : printable(branch),
      );
    });
  });
}
