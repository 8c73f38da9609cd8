// What a session on a host is made of, where one on a database has statements.

import type { Statement } from '../../src/api/sessions.ts';

export const isOfHost = ({ protocol }: Statement): boolean =>
  protocol === 'shell' || protocol === 'exec' || protocol === 'sftp' || protocol === 'forward';

export const hasTerminal = ({ protocol, verdict }: Statement): boolean =>
  verdict === 'passed' && (protocol === 'shell' || protocol === 'exec');
