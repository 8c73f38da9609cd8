// The one place that opens a socket to a target (operate.md, "Reach"): direct today, through a relay beside the
// targets later. Connectors and the gateway get this function and no other way.

import { connect, type Socket } from 'node:net';
import { codeOf, Failure } from '../base/errors.ts';
import type { Dial } from '../connectors/contract.ts';

/** Errors: Failure `target-down`, naming the address and the system's code (ECONNREFUSED, ETIMEDOUT …). */
export const dialDirect: Dial = ({ host, port, timeoutMs }) =>
  new Promise<Socket>((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const fail = (cause: unknown) => {
      socket.destroy();
      reject(
        new Failure(
          'unavailable',
          'target-down',
          `Nothing answers at ${host}:${port} (${codeOf(cause) ?? 'no answer'}).`,
          {
            cause,
          },
        ),
      );
    };
    const timer = setTimeout(() => fail({ code: 'ETIMEDOUT' }), timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      fail(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
