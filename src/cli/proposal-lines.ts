// A change of policy in the words that people read, the same in every command.

import type { ChangeAnswer, Proposal } from '../api/policy-changes.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import { relative } from './times.ts';

/** Everything about one change but its texts. */
export function proposalLines(proposal: Proposal, out: Output, nowMs: number): string[] {
  return [
    out.paint('strong', `${proposal.id}  ${proposal.state}`),
    row('comment', printable(proposal.comment)),
    row(
      'proposed',
      `by ${printable(proposal.proposedBy.displayName)}, ${relative(proposal.proposedAt, nowMs)}`,
    ),
    row('digest', proposal.digest),
    row('base', proposal.baseDigest),
    ...proposal.changes.map(({ file, what }, i) =>
      row(i === 0 ? 'files' : '', `${what.padEnd(8)} ${printable(file)}`),
    ),
    ...(proposal.liveGrants === 'run-out'
      ? [row('grants', 'live grants that are no longer permitted run out; forbidden ones end')]
      : []),
    ...proposal.signatures.map((one) =>
      row('signature', `${printable(one.by.displayName)}, ${one.role}${one.sole ? ', ALONE' : ''}`),
    ),
    ...(proposal.reason === null ? [] : [row('refused', printable(proposal.reason))]),
    ...nextLines(proposal),
  ];
}

/** What a proposal or a signature came to, and who is next. */
export function changeLines(told: ChangeAnswer, out: Output): string[] {
  const { proposal, inForce, warning, cautions } = told;
  return [
    ...(inForce
      ? [`In force: ${proposal.digest}`]
      : [`Change ${proposal.id} is ${proposal.state}.`, `Digest ${proposal.digest}`]),
    ...(warning === null ? [] : [out.paint('bad', warning)]),
    ...cautions.map((caution) => `Caution: ${printable(caution)}`),
    ...nextLines(proposal),
  ];
}

function nextLines(proposal: Proposal): string[] {
  if (proposal.state !== 'open') return [];
  const command = `sally policy sign ${proposal.id} --digest ${proposal.digest}`;
  if (proposal.soleSigner) {
    return [
      'Nobody else may change policy, so your own signature is enough; that is written down as such.',
      `Put it in force: ${command}`,
    ];
  }
  const names = proposal.signers.map((one) => printable(one.name));
  return [
    names.length === 0
      ? 'Nobody who is left could sign it: give somebody else the right to change policy.'
      : `Somebody else has to sign it: ${names.join(', ')}.`,
    ...(names.length === 0 ? [] : [`They do: ${command}`]),
  ];
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(10)}${text}`;
}
