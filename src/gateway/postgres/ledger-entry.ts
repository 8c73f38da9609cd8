// One message that the target will answer, as the ledger keeps it until then; of a statement it is also what the
// recording gets, so that the hot path makes one object for each.

import type { Recorded } from '../../sessions/recorder.ts';
import type { RecordedProtocol } from '../../sessions/recording-format.ts';
import type { Verdict } from './guard/guard.ts';

// Kinds of messages. Those up to EXECUTE run something.
export const QUERY = 0;
export const EXECUTE = 1;
export const PARSE = 2;
export const BIND = 3;
export const CLOSE = 4;
export const SYNC = 5;
export const COPY_END = 6;
/** Only where rows are masked, which needs to know which answer describes what. */
export const DESCRIBE = 7;

export const NO_USES: Verdict['uses'] = [];

/** One message that will be answered. One class for all kinds, so that the hot path sees one shape of object. */
export class Entry implements Recorded {
  readonly kind: number;
  index = -1;
  offsetMs: number;
  text: string;
  protocol: RecordedProtocol = 'extended';
  refused = false;
  /** Since the last CommandComplete; what is settled is added at the end. */
  rows = 0;
  settled = 0;
  rowsRead = 0;
  bytes = 0;
  durationMs: number | null = null;
  error: { sqlstate: string; message: string } | null = null;
  uses: Verdict['uses'] = NO_USES;
  verdict: Verdict | null;
  announced = false;
  /** Names of its text that the server has made, PREPARE and DECLARE each on its own. */
  prepared = 0;
  declared = 0;
  /** Of the statement (Parse, Close) or the portal (Bind, Execute, Close). */
  name: string;
  /** The statement that a Bind takes; `S` or `P` for a Close; OURS for a Describe that the client did not send. */
  source: string;
  /** Of the text as it was sent: an Execute gets its own later. */
  readonly sentCharacters: number;
  /** Set on what stands in for a refused statement. */
  refusal = -1;

  constructor(
    kind: number,
    offsetMs: number,
    text: string,
    verdict: Verdict | null,
    name: string,
    source: string,
  ) {
    this.kind = kind;
    this.offsetMs = offsetMs;
    this.text = text;
    this.sentCharacters = text.length;
    this.verdict = verdict;
    this.name = name;
    this.source = source;
  }
}
