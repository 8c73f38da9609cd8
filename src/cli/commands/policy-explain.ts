// `sally policy explain`: what policy would decide now, which policies say so, and what would be enough.

import type { Command } from 'commander';
import {
  type ApprovalStage,
  type ExplainBody,
  type Preview,
  preview,
  submitted,
} from '../../api/requests.ts';
import { controlWords } from '../../base/control-words.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import { isId } from '../../base/ids.ts';
import { USUAL_DURATION } from '../ask-access.ts';
import { enoughLines } from '../cards.ts';
import { type Api, path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { readPolicyFolder } from '../policy-folder.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';

interface Options {
  task?: string;
  for?: string;
  principal?: string;
  sourceAddress?: string;
  at?: string;
  ticket?: string;
  policies?: string;
}

export function explainCommand(): Command {
  return leaf('explain <target|request-id>', 'what policy would decide, and why', [
    'policy explain orders-db --task fix-orders --for 2h',
    'policy explain orders-db --task change-schema --principal engineer --at 2026-11-07T23:00:00Z',
    'policy explain orders-db --task fix-orders --policies policies',
    'policy explain req_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ])
    .option('--task <task>', 'the task that would be asked for')
    .option('--for <duration>', `how long (default: ${USUAL_DURATION})`)
    .option('--principal <name>', 'for whom (default: you)')
    .option('--source-address <ip>', 'from which address')
    .option('--at <time>', 'at which time: 2026-11-07T23:00:00Z')
    .option('--ticket <id>', 'with which ticket (default: none)')
    .option('--policies <folder>', 'by the policies of a folder (default: those in force)')
    .action(async (subject: string, options: Options, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const body = isId('request', subject)
        ? await bodyOfRequest(api, subject, options)
        : bodyOf(subject, options);
      const files = options.policies === undefined ? {} : { files: readPolicyFolder(options.policies) };
      const told = await api.post('/api/policy/explain', preview, { body: { ...body, ...files } });
      run.out.data(told, () => describe(told, body, run.out));
    });
}

function bodyOf(target: string, options: Options): ExplainBody {
  if (options.task === undefined)
    throw usage('Which task?', 'Add --task <task>; `sally task list` shows what there is.');
  const duration = options.for ?? USUAL_DURATION;
  parseDuration(duration, '--for');
  return { target, task: options.task, duration, ...circumstances(options) };
}

/** As that request was asked, except for what the flags say. */
async function bodyOfRequest(api: Api, id: string, options: Options): Promise<ExplainBody> {
  const { request } = await api.get(path`/api/requests/${id}`, submitted);
  return {
    principal: request.requester.name,
    sourceAddress: request.sourceAddress,
    target: request.target.name,
    task: options.task ?? request.task.name,
    duration: options.for ?? formatDuration(request.durationSeconds),
    ...(request.ticket === null ? {} : { ticket: request.ticket }),
    ...circumstances(options),
  };
}

function circumstances(options: Options): Partial<ExplainBody> {
  const at = options.at === undefined ? null : Date.parse(options.at);
  if (at !== null && Number.isNaN(at)) throw usage('--at is no time.', 'Write it like 2026-11-07T23:00:00Z.');
  return {
    ...(options.principal === undefined ? {} : { principal: options.principal }),
    ...(options.sourceAddress === undefined ? {} : { sourceAddress: options.sourceAddress }),
    ...(options.ticket === undefined ? {} : { ticket: options.ticket }),
    ...(at === null ? {} : { at: new Date(at).toISOString() }),
  };
}

function describe(told: Preview, body: ExplainBody, out: Output): string[] {
  const { outcome, reasons, obligations } = told.decision;
  const paint = { allow: 'good', 'needs-approval': 'warn', deny: 'bad' } as const;
  return [
    `${body.task} on ${body.target} for ${body.duration}: ${out.paint(paint[outcome], outcome)}`,
    ...reasons.map(
      (reason) => `  ${reason.effect.padEnd(6)} ${printable(reason.policy)}: ${printable(reason.text)}`,
    ),
    ...obligations.approvals.map((stage, i) => `  ${i === 0 ? 'needs ' : 'then  '} ${stageWords(stage)}`),
    ...(obligations.maxDurationSeconds === null
      ? []
      : [`  at most ${formatDuration(obligations.maxDurationSeconds)}`]),
    ...controlWords(obligations).map((words) => `  ${words}`),
    ...enoughLines(told, parseDuration(body.duration)).map((line) => `  ${line}`),
  ];
}

function stageWords({ count, from, also }: ApprovalStage): string {
  const later =
    also === undefined ? '' : `, after ${formatDuration(also.afterSeconds)} also ${printable(also.from)}`;
  return `${count} of ${printable(from)}${later}`;
}
