// What stops the sequencer: the log in the store is not the one that was signed. Going on would sign a second
// history over the first, so nothing is sequenced or signed until a person has looked.

import { Failure } from '../base/errors.ts';

export class AuditAlarm extends Failure {
  /** The first entry that is not as it was, as far as it is known. */
  readonly badIndex: number;

  /** The store has less than was signed: it may be an older backup. */
  readonly behind: boolean;

  constructor(badIndex: number, message: string, behind = false) {
    super('unavailable', 'audit-log-broken', message, {
      hint: 'Run: sally audit verify. Keep the folder "audit" and the database as they are until this is understood.',
      facts: { badIndex },
    });
    this.badIndex = badIndex;
    this.behind = behind;
  }
}
