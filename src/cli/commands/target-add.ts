// `sally target add`: connects a target, then checks it. The administrator's password never stands on the command
// line, where every process list would show it.

import type { Command } from 'commander';
import { addTargetBody, checkReport, target as targetSchema } from '../../api/targets.ts';
import { findPassword, type PasswordOptions } from '../admin-password.ts';
import { describeCheck } from '../check-report.ts';
import { type Api, path } from '../client.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { confirmedHostKeys, newHostSecret } from '../host-keys.ts';
import { needed, wholeNumber } from '../needed.ts';
import { collect, readNode } from '../node-address.ts';
import { leaf, type Run, startRun } from '../run.ts';

interface Options extends PasswordOptions {
  kind: string;
  segment?: string;
  environment?: string;
  sensitivity: string;
  owner?: string;
  host?: string;
  port?: string;
  database?: string;
  tls?: string;
  node: string[];
  adminUser?: string;
  hostKey: string[];
}

const HIGHEST_PORT = 65_535;

export function addCommand(): Command {
  return leaf('add <name>', 'connect a target, then check it', [
    'target add orders-db --segment prod/eu/orders --environment prod --host db.internal --database orders --admin-user sallyport_admin',
    'target add web-1 --kind ssh --segment prod/eu/web --environment prod --host web-1.internal',
    'target add orders-db --segment prod/eu/orders --environment prod --host db.internal --database orders --admin-user sallyport_admin --password-env ORDERS_ADMIN_PASSWORD --no-input',
  ])
    .option('--kind <kind>', 'what it is', 'postgres')
    .option('--segment <path>', 'where it hangs: prod/eu/orders')
    .option('--environment <name>', 'prod, staging, …')
    .option('--sensitivity <level>', 'low, normal or high', 'normal')
    .option('--owner <group>', 'the group that answers for it')
    .option('--host <host>', 'its address')
    .option('--port <port>', 'its port (default: 5432, of a host 22)')
    .option('--database <name>', 'the database')
    .option('--tls <mode>', 'off, prefer or require')
    .option(
      '--node <host:port>',
      'a standby of it, by the address where clients find it; may be repeated',
      collect,
      [],
    )
    .option('--admin-user <name>', "Sallyport's own administrator on it (of a host: root)")
    .option(
      '--host-key <fingerprint>',
      'of a host: SHA256:… of a key that it may show, as the host itself says; may be repeated',
      collect,
      [],
    )
    .option('--password-file <file>', "that administrator's password: first line of a file, - for stdin")
    .option('--password-env <name>', "that administrator's password: from this environment variable")
    .action(async (name: string, options: Options, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      await add(run, api, name, options);
    });
}

async function add(run: Run, api: Api, name: string, options: Options): Promise<void> {
  const host = await needed(run, options.host, { flag: '--host', question: 'Its address?' });
  const isHost = options.kind === 'ssh';
  const port = wholeNumber(options.port ?? (isHost ? '22' : '5432'), '--port', 1, HIGHEST_PORT);
  const settings = isHost
    ? { host, port, hostKeys: await confirmedHostKeys(run, api, { host, port }, options.hostKey) }
    : await databaseSettings(run, { host, port }, options);
  const segment = await needed(run, options.segment, {
    flag: '--segment',
    question: 'Which segment? (like prod/eu/orders)',
  });
  const environment = await needed(run, options.environment, {
    flag: '--environment',
    question: 'Which environment?',
    initial: segment.split('/', 1)[0] ?? '',
  });
  const user = isHost
    ? (options.adminUser ?? 'root')
    : await needed(run, options.adminUser, {
        flag: '--admin-user',
        question: 'Its administrator for Sallyport?',
      });
  // Of a host it is what the administrator's key is made of; nobody has to know it.
  const password = isHost ? newHostSecret() : await findPassword(run, options, user);
  const body = addTargetBody.safeParse({
    name,
    kind: options.kind,
    segment,
    environment,
    sensitivity: options.sensitivity,
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    settings,
    admin: { user, password: password.reveal() },
  });
  if (!body.success) {
    const issue = body.error.issues[0];
    throw usage(
      `${issue?.path.join('.') ?? 'The target'}: ${issue?.message ?? 'not valid'}`,
      'See `sally target add --help`.',
    );
  }
  const added = await api.post('/api/targets', targetSchema, { body: body.data });
  run.out.live(`Added ${name}; checking it …`);
  const check = await api.post(path`/api/targets/${name}/check`, checkReport);
  run.out.settle();
  run.out.data({ target: { ...added, check }, check }, () => [
    `Added ${name} (${added.address}).`,
    ...describeCheck(check, run.out),
  ]);
  if (!check.ok) run.finish(EXIT.failed);
}

async function databaseSettings(run: Run, at: { host: string; port: number }, options: Options) {
  return {
    ...at,
    database: await needed(run, options.database, { flag: '--database', question: 'Which database?' }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.node.length === 0 ? {} : { nodes: options.node.map(readNode) }),
  };
}
