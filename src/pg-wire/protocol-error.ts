// A login that cannot go on, as the client is told it: one SQLSTATE, one sentence, no secrets.

export type ProtocolFault =
  | 'closed' // the peer went away: nobody to tell
  | 'length' // a length that is not accepted
  | 'violation' // not the protocol
  | 'startup' // a startup packet that is not accepted
  | 'password' // the proof does not match; also an unknown login
  | 'refused' // admission said no
  | 'limit' // too many connections or failures
  | 'target'; // the target could not be reached, or refused us

const SQLSTATES: Record<ProtocolFault, string> = {
  closed: '08006',
  length: '08P01',
  violation: '08P01',
  startup: '22023',
  password: '28P01',
  refused: '28000',
  limit: '53300',
  target: '08001',
};

export class ProtocolError extends Error {
  readonly fault: ProtocolFault;
  readonly sqlstate: string;
  readonly hint: string | undefined;

  constructor(fault: ProtocolFault, text: string, cause?: unknown, sqlstate?: string, hint?: string) {
    super(text, cause === undefined ? undefined : { cause });
    this.name = 'ProtocolError';
    this.fault = fault;
    this.sqlstate = sqlstate ?? SQLSTATES[fault];
    this.hint = hint;
  }
}
