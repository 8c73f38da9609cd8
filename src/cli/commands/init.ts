// `sally init`: writes the configuration of an own installation, and makes its first administrator: a token is
// made here, its hash goes into the file, and the server creates that person with it at its first start.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { nameText } from '../../api/text.ts';
import { codeOf, Failure } from '../../base/errors.ts';
import { Secret } from '../../base/secret.ts';
import { usage } from '../exit-codes.ts';
import { configText } from '../installation-file.ts';
import { needed, wholeNumber } from '../needed.ts';
import { writeNewPrivateFile } from '../private-file.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { storeLogin } from '../stored-login.ts';

const TOKEN_BYTES = 32;
const HIGHEST_PORT = 65_535;
const LONGEST_NAME = 100;
const CONFIG_FILE = 'sallyport.yaml';
const DATA_FOLDER = 'sallyport-data';

interface Options {
  config?: string;
  data?: string;
  database: string;
  httpPort: string;
  pgPort: string;
  name: string;
  admin?: string;
  displayName?: string;
}

export function command(): Command {
  return leaf('init', 'set up an own installation', [
    'init',
    'init --admin ada --display-name "Ada Lovelace" --data /var/lib/sallyport --config /etc/sallyport/sallyport.yaml',
    'init --database env:DATABASE_URL --admin ada --no-input --json',
  ])
    .option('--config <file>', `the file to write (default: SALLY_CONFIG, then ./${CONFIG_FILE})`)
    .option('--data <folder>', `where state is kept (default: SALLY_DATA, then ./${DATA_FOLDER})`)
    .option(
      '--database <where>',
      '"embedded", or "env:NAME" for a variable that holds a postgres:// URL',
      'embedded',
    )
    .option('--http-port <port>', 'server and portal', '7070')
    .option('--pg-port <port>', 'PostgreSQL gateway', '7071')
    .option('--name <name>', "the installation's name", 'sallyport')
    .option('--admin <name>', "the first administrator's name (default: yours on this machine)")
    .option('--display-name <text>', "the first administrator's full name")
    .action(async (options: Options, self: Command) => init(startRun(self), options));
}

async function init(run: Run, options: Options): Promise<void> {
  const file = resolve(options.config ?? run.environment.configFile ?? CONFIG_FILE);
  if (existsSync(file)) throw alreadyThere(file);
  const data = resolve(options.data ?? run.environment.dataFolder ?? join(dirname(file), DATA_FOLDER));
  refuseDemoFolder(data);
  const httpPort = wholeNumber(options.httpPort, '--http-port', 1, HIGHEST_PORT);
  const pgPort = wholeNumber(options.pgPort, '--pg-port', 1, HIGHEST_PORT);
  if (httpPort === pgPort)
    throw usage('--http-port and --pg-port are the same.', 'Each listener needs its own port.');
  if (!/^(embedded|env:[A-Z_][A-Z0-9_]*)$/.test(options.database)) {
    throw usage(
      '--database is neither "embedded" nor "env:NAME".',
      'The URL itself holds a password: put it in a variable and write env:DATABASE_URL.',
    );
  }
  const installation = bounded('--name', options.name);
  const { name, displayName } = await findAdministrator(run, options);
  const token = new Secret(`sally_${randomBytes(TOKEN_BYTES).toString('base64url')}`);
  const tokenHash = createHash('sha256').update(token.reveal()).digest('hex');
  write(
    file,
    configText({
      installation,
      httpPort,
      pgPort,
      data,
      database: options.database,
      administrator: { name, displayName, tokenHash },
    }),
  );
  const server = `http://127.0.0.1:${httpPort}`;
  storeLogin(run.environment, server, { token, name });
  const shown = relative(process.cwd(), file);
  run.out.data(
    { config: file, data, server, administrator: { name, displayName }, token: token.reveal() },
    () => [
      `Wrote ${shown}. First administrator: ${displayName} (${name}).`,
      `Their token, shown this once: ${token.reveal()}`,
    ],
  );
  run.out.say(`This machine is logged in with it already. Next:`);
  run.out.say(`  ${shown === CONFIG_FILE ? '' : `SALLY_CONFIG=${file} `}npm start`);
  run.out.say('  sally target add --help');
}

async function findAdministrator(run: Run, options: Options): Promise<{ name: string; displayName: string }> {
  const guess = run.environment.userName.toLowerCase();
  const usual = nameText.safeParse(guess).success ? guess : undefined;
  const name =
    options.admin ??
    (run.interactive || usual === undefined
      ? await needed(run, undefined, {
          flag: '--admin',
          question: "The first administrator's name? (lower case, for logging in)",
          ...(usual === undefined ? {} : { initial: usual }),
        })
      : usual);
  const parsed = nameText.safeParse(name);
  if (!parsed.success) throw usage(`--admin: ${parsed.error.issues[0]?.message}`, 'For example --admin ada.');
  if (options.displayName === undefined && !run.interactive) return { name, displayName: name };
  const displayName = await needed(run, options.displayName, {
    flag: '--display-name',
    question: 'And their full name?',
    initial: name,
  });
  return { name, displayName: bounded('--display-name', displayName) };
}

function bounded(flag: string, text: string): string {
  const trimmed = text.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is what this is for
  if (trimmed === '' || trimmed.length > LONGEST_NAME || /[\u0000-\u001f\u007f-\u009f]/.test(trimmed)) {
    throw usage(
      `${flag} must be 1 to ${LONGEST_NAME} printable characters.`,
      `For example ${flag} "Orders team".`,
    );
  }
  return trimmed;
}

/** The demo's store holds the demo's people and tokens: an own installation must never start on it. */
function refuseDemoFolder(data: string): void {
  if (existsSync(join(data, 'demo.json')) || existsSync(join(data, 'orders-db'))) {
    throw usage(`${data} holds the demo.`, 'Name another folder with --data.');
  }
}

function write(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeNewPrivateFile(file, text);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw alreadyThere(file);
    throw new Failure(
      'invalid',
      'unwritable-file',
      `${file} cannot be written (${codeOf(error) ?? 'unknown'}).`,
      { cause: error },
    );
  }
}

function alreadyThere(file: string): Failure {
  return new Failure('conflict', 'already-there', `${file} is there already; it is never overwritten.`, {
    hint: 'Name another with --config, or move that one away first.',
  });
}
