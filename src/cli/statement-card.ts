// One statement that waits for a yes, in words: what runs, with which values, what the target expects of it.

import type { StatementCard } from '../api/statements.ts';
import { approvalText, stageText } from './cards.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import { clock, relative } from './times.ts';

export function statementLines(card: StatementCard, out: Output, nowMs: number): string[] {
  return [
    out.paint('strong', `One statement on ${card.target}, of ${card.task}`),
    row(
      'asked by',
      `${card.principal.displayName} (${card.principal.name}), ${relative(card.createdAt, nowMs)}`,
    ),
    row('purpose', card.purpose),
    row('waits', card.state === 'waiting' ? `until ${clock(card.expiresAt, nowMs)}` : card.state),
    ...block('runs', card.text),
    ...card.parameters.map((value, i) => row(`$${i + 1}`, value ?? 'NULL')),
    ...block('estimate', card.estimate ?? 'not known'),
    ...card.stages.map((stage) => row('needs', stageText(stage, nowMs))),
    ...card.approvals.map((one) => row('approved', approvalText(one, nowMs))),
    ...(card.mayNot === null ? [] : [row('you', card.mayNot)]),
    ...(card.reason === null ? [] : [row('reason', card.reason)]),
  ];
}

/** One sentence on where it stands. */
export function statementSentence(card: StatementCard): string {
  const by = card.decidedBy === null ? '' : ` by ${card.decidedBy.name}`;
  return `Statement ${card.id} of ${card.principal.name} is ${card.state}${by}.`;
}

function block(label: string, text: string): string[] {
  return text.split('\n').map((line, i) => row(i === 0 ? label : '', line));
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(10)} ${printable(text)}`;
}
