// What any proxy in Node at least costs: bytes from one socket to the other and back, looked at by nobody. A process of
// its own: `bare-pipe.ts <port of the target>`; it says where it listens and ends with its parent's input.

import { connect, createServer } from 'node:net';

const port = Number(process.argv[2]);

const server = createServer({ noDelay: true }, (client) => {
  const target = connect({ host: '127.0.0.1', port, noDelay: true });
  for (const [one, other] of [
    [client, target],
    [target, client],
  ] as const) {
    one.on('error', () => other.destroy());
    one.once('close', () => other.destroy());
    one.pipe(other);
  }
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
process.stdin.resume().once('end', () => process.exit(0));
