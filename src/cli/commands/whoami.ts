// `sally whoami`: who the server takes one for, and where that came from.

import type { Command } from 'commander';
import { me } from '../../api/people.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';

const SOURCES = {
  demo: "the demo's file (--as)",
  environment: 'SALLY_TOKEN',
  stored: "this machine's login",
} as const;

export function command(): Command {
  return leaf('whoami', 'who you are to the server', ['whoami', 'whoami --as approver']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const identity = await run.identity();
      const api = await run.api();
      const told = await api.get('/api/me', me);
      run.out.data({ ...told, server: identity.origin, loginFrom: identity.from }, () => [
        `${printable(told.displayName)} (${told.name}, ${told.kind}) on ${identity.origin}, by ${SOURCES[identity.from]}`,
        `groups: ${printable(told.groups.join(', ')) || 'none'}; rights: ${told.rights.join(', ') || 'none'}${told.demo ? '; this is the demo' : ''}`,
      ]);
    },
  );
}
