// The only reader of process.env in the CLI: what the surroundings say, by name. Secrets come wrapped, so that
// nothing prints them by accident.

import { homedir, hostname, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { Secret } from '../base/secret.ts';

const DIRECTORY = 'sallyport';

export interface Environment {
  /** SALLY_SERVER as given, or null. */
  server: string | null;
  /** SALLY_TOKEN, or null. */
  token: Secret | null;
  /** SALLY_DATA as an absolute path, or null. */
  dataFolder: string | null;
  /** SALLY_CONFIG as an absolute path, or null. */
  configFile: string | null;
  /** $XDG_CONFIG_HOME/sallyport: the stored logins. */
  configFolder: string;
  /** $XDG_STATE_HOME/sallyport: kept checkpoints, history of the built-in prompt. */
  stateFolder: string;
  /** $XDG_CACHE_HOME/sallyport: compiled code. */
  cacheFolder: string;
  /** SALLY_PLAIN_HTTP=1: a token may go over plain HTTP to another machine. */
  allowPlainHttp: boolean;
  /** False with NO_COLOR (no-color.org) or a dumb terminal. */
  mayColor: boolean;
  /** COLUMNS, for output that does not go to a terminal; null when it does not say. */
  columns: number | null;
  /** The name of the person at this machine, as a hint for prompts. */
  userName: string;
  /** This machine's, for naming its login. */
  machineName: string;
  /** BROWSER: the program that opens a page; null for the usual one. */
  browser: string | null;
  /** A screen that is this person's: none over ssh. */
  hasScreen: boolean;
  searchPath: string;
}

export function readEnvironment(
  env: NodeJS.ProcessEnv = process.env,
  folder: string = process.cwd(),
): Environment {
  const given = (name: string): string | null => {
    const value = env[name];
    return value === undefined || value === '' ? null : value;
  };
  const path = (name: string): string | null => {
    const value = given(name);
    return value === null ? null : resolve(folder, value);
  };
  const token = given('SALLY_TOKEN');
  const home = given('HOME') ?? homedir();
  const columns = Number(given('COLUMNS') ?? Number.NaN);
  return {
    server: given('SALLY_SERVER'),
    token: token === null ? null : new Secret(token.trim()),
    dataFolder: path('SALLY_DATA'),
    configFile: path('SALLY_CONFIG'),
    configFolder: join(xdg(given('XDG_CONFIG_HOME'), join(home, '.config')), DIRECTORY),
    stateFolder: join(xdg(given('XDG_STATE_HOME'), join(home, '.local', 'state')), DIRECTORY),
    cacheFolder: join(xdg(given('XDG_CACHE_HOME'), join(home, '.cache')), DIRECTORY),
    allowPlainHttp: given('SALLY_PLAIN_HTTP') === '1',
    mayColor: given('NO_COLOR') === null && given('TERM') !== 'dumb',
    columns: Number.isInteger(columns) && columns > 0 ? columns : null,
    userName: given('USER') ?? safeUserName(),
    machineName:
      hostname()
        .split('.')[0]
        ?.replaceAll(/[^A-Za-z0-9-]/g, '')
        .slice(0, 60) || 'machine',
    browser: given('BROWSER'),
    hasScreen:
      given('SSH_CONNECTION') === null &&
      (process.platform === 'darwin' || (given('DISPLAY') ?? given('WAYLAND_DISPLAY')) !== null),
    searchPath: given('PATH') ?? '',
  };
}

/** One variable by the name that a person gave (`--password-env NAME`); null when unset or empty. */
export function readVariable(name: string): string | null {
  const value = process.env[name];
  return value === undefined || value === '' ? null : value;
}

/** The environment for a program that we start: ours, with `changes`; null takes a variable away. */
export function childEnvironment(changes: Record<string, string | null>): NodeJS.ProcessEnv {
  const child: NodeJS.ProcessEnv = { ...process.env };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete child[name];
    else child[name] = value;
  }
  return child;
}

/** The specification: a relative path is to be ignored. */
function xdg(value: string | null, usual: string): string {
  return value?.startsWith('/') === true ? value : usual;
}

function safeUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
