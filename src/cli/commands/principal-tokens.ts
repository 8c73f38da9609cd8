// `sally principal tokens`: what programs and people call with; limited, listed, revoked.

import type { Command } from 'commander';
import { z } from 'zod';
import { issuedToken, TOKEN_SCOPES, token as tokenSchema } from '../../api/people.ts';
import { path } from '../client.ts';
import { oneOf, showTable } from '../lists.ts';
import { group, leaf, startRun } from '../run.ts';

export function tokensCommand(): Command {
  return group('tokens', 'list, add and revoke tokens of a principal', [
    listCommand(),
    addCommand(),
    revokeCommand(),
  ]);
}

function listCommand(): Command {
  return leaf('list <name>', "list a principal's tokens", [
    'principal tokens list deploy-bot',
    'principal tokens list deploy-bot --all --json',
  ])
    .option('--all', 'expired and revoked ones too')
    .action(async (name: string, options: { all?: boolean }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get(
        path`/api/principals/${name}/tokens`,
        z.object({ items: z.array(tokenSchema) }),
      );
      const shown = items.filter((one) => options.all === true || one.state === 'live');
      showTable(run, shown, {
        none: `No live tokens of ${name}.`,
        columns: [
          { title: 'ID', cell: (one) => one.id, whole: true },
          { title: 'KIND', cell: (one) => one.kind, whole: true },
          { title: 'NAME', cell: (one) => one.name },
          { title: 'SCOPES', cell: (one) => one.scopes?.join(', ') ?? 'all' },
          { title: 'FROM', cell: (one) => one.addresses?.join(', ') ?? 'anywhere' },
          { title: 'UNTIL', cell: (one) => one.expiresAt, whole: true },
          { title: 'LAST USED', cell: (one) => one.lastUsedAt ?? 'never', whole: true },
          { title: 'STATE', cell: (one) => one.state, whole: true },
        ],
      });
    });
}

interface AddOptions {
  for: string;
  label?: string;
  scope: string[];
  from: string[];
}

const collect = (one: string, all: string[]) => [...all, one];

function addCommand(): Command {
  return leaf('add <name>', 'issue a limited token; it is shown once', [
    'principal tokens add deploy-bot --scope read --scope request --from 10.20.0.0/16 --for 90d',
    'principal tokens add entra --scope scim --label "Entra provisioning" --for 180d',
  ])
    .option('--scope <scope>', `one of ${TOKEN_SCOPES.join(', ')}; may be given again`, collect, [])
    .option('--from <network>', 'a network or address from which it works; may be given again', collect, [])
    .option('--for <duration>', 'how long it works: at most 24d for people, 180d for services', '24d')
    .option('--label <text>', 'what it is for')
    .action(async (name: string, options: AddOptions, self: Command) => {
      const run = startRun(self);
      const scopes = options.scope.flatMap((one) => oneOf('--scope', one, TOKEN_SCOPES) ?? []);
      const api = await run.api();
      const issued = await api.post(path`/api/principals/${name}/tokens`, issuedToken, {
        body: {
          lifetime: options.for,
          ...(options.label === undefined ? {} : { name: options.label }),
          ...(scopes.length === 0 ? {} : { scopes }),
          ...(options.from.length === 0 ? {} : { addresses: options.from }),
        },
      });
      run.out.data(issued, () => [issued.token]);
      run.out.say(`${issued.id} works until ${issued.expiresAt} and is not shown again.`);
    });
}

function revokeCommand(): Command {
  return leaf('revoke <name> <token-id>', 'end a token at once', [
    'principal tokens revoke deploy-bot tok_01jd2q0v6w8x9y0z1a2b3c4d5g',
  ]).action(async (name: string, tokenId: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const revoked = await api.post(path`/api/principals/${name}/tokens/${tokenId}/revoke`, tokenSchema, {});
    run.out.data(revoked, () => [`${revoked.name} (${revoked.id}) is revoked.`]);
  });
}
