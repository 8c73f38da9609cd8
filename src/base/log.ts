// The program's own log: JSON lines, or one plain line each on a terminal. Secrets are hidden by type (Secret),
// and here once more by name.

import { type Logger, pino } from 'pino';
import { steeringEscaped } from './steering.ts';

export type { Logger };

const HIDDEN_NAMES = ['password', 'secret', 'token', 'authorization', 'cookie', 'dsn', 'credential'];

/** `level` is pino's (`info`, `debug`, `silent` …). Lines go to stderr: stdout belongs to the product. */
export function createLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      redact: {
        paths: HIDDEN_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      // JSON lets C1 controls and bidirectional marks pass, and somebody reads this on a terminal.
      hooks: { streamWrite: steeringEscaped },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
