// What is no HTTP request at all has no route and no reply: it is told on the bare socket, as a problem like any other.

import type { Socket } from 'node:net';
import { codeOf } from '../base/errors.ts';
import { problemOf } from './problem.ts';

/** Node's `clientError`; closes the connection. */
export function tellBrokenClient(error: Error, socket: Socket): void {
  const code = codeOf(error);
  if (code === 'ECONNRESET' || socket.destroyed) return;
  const problem =
    code === 'HPE_HEADER_OVERFLOW'
      ? problemOf(431, 'headers-too-large', 'The headers, the address among them, are over 16 KiB.')
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? problemOf(408, 'request-timeout', 'The request did not come to its end in time.')
        : problemOf(400, 'malformed-request', 'This is not an HTTP request.');
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: application/problem+json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}
