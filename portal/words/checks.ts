// What a target's check found, in a word.

import type { CheckReport } from '../../src/api/targets.ts';
import { counted } from './counts.ts';
import type { StateWords } from './states.ts';

export function checkWords(report: CheckReport | null): StateWords {
  if (report === null)
    return { word: 'Not checked yet', tone: 'quiet', meaning: 'Nobody has run its check.' };
  const failed = report.items.filter((item) => item.status === 'fail').length;
  const warned = report.items.filter((item) => item.status === 'warn').length;
  if (failed > 0) {
    return {
      word: counted(failed, 'check fails', 'checks fail'),
      tone: 'bad',
      meaning: 'Grants cannot be made or ended here until this is mended.',
    };
  }
  if (warned > 0) {
    return {
      word: counted(warned, 'warning'),
      tone: 'wait',
      meaning: 'It works, but something in the promise is weaker.',
    };
  }
  return { word: 'Check passed', tone: 'good', meaning: 'Everything that a grant needs is there.' };
}

/** What a target of this kind can promise, each with whether it does. */
export function promisesOf(can: {
  endsSessions: boolean;
  nativeExpiry: boolean;
  revocableCredential: boolean;
}): { text: string; held: boolean }[] {
  return [
    {
      text: can.endsSessions ? 'Ends open sessions when a grant ends' : 'Cannot end open sessions',
      held: can.endsSessions,
    },
    {
      text: can.nativeExpiry ? 'Refuses new logins after the end by itself' : 'Has no expiry of its own',
      held: can.nativeExpiry,
    },
    {
      text: can.revocableCredential
        ? 'A revoked credential works nowhere'
        : 'A credential lives on until its own end',
      held: can.revocableCredential,
    },
  ];
}
