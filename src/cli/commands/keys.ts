// `sally keys`: which keys are in use, and changing one while everything runs.

import type { Command } from 'commander';
import { type KeysAnswer, keysAnswer } from '../../api/keys.ts';
import { printable } from '../printable.ts';
import { group, leaf, startRun } from '../run.ts';

export function command(): Command {
  return group('keys', 'show and rotate keys', [statusCommand(), rotateCommand()]);
}

function statusCommand(): Command {
  return leaf('status', 'show which keys are in use, and how far a rotation is', [
    'keys status',
    'keys status --json',
  ]).action(async (_options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const now = await api.get('/api/keys', keysAnswer);
    run.out.data(now, () => linesOf(now));
  });
}

function rotateCommand(): Command {
  return leaf('rotate <key>', 'change a key: master, log, target-passwords, host-authority, admin:<target>', [
    'keys rotate master',
    'keys rotate log',
    'keys rotate admin:orders-db',
  ]).action(async (what: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const now = await api.post('/api/keys/rotate', keysAnswer, { body: { what } });
    run.out.data(now, () => linesOf(now));
  });
}

function linesOf({ master, log, passwordGeneration }: KeysAnswer): string[] {
  const lines = [`master key        ${printable(master.check)}`];
  if (master.next !== null) {
    const waits = master.waitingFor.map(printable).join(', ');
    lines.push(`  next            ${printable(master.next)}${waits === '' ? '' : `, waits for ${waits}`}`);
  }
  if (master.previous !== null)
    lines.push(
      `  before          ${printable(master.previous)}, still needed by ${master.grantsOfPrevious} grants`,
    );
  lines.push(`log key           ${printable(log.verifierKey)}`);
  if (log.announced !== null) lines.push(`  announced       ${printable(log.announced)}`);
  lines.push(`target passwords  generation ${passwordGeneration}`);
  return lines;
}
