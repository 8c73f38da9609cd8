// What a client may set while it connects: an allow-list, and `options` is parsed, never passed on as it came.
// Measured elsewhere: `options='-c post_auth_delay=6 -c role=…'` hides a login from its own revocation.

import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { readStartupPairs } from '../../pg-wire/startup-packet.ts';

export interface ClientParameters {
  user: string;
  database: string;
  /** What the client calls itself, without the label that we put before it. */
  application: string | null;
  /** What is passed on, by lower-case name. */
  settings: Map<string, string>;
  /** `_pq_.` options that we do not know: told by NegotiateProtocolVersion. */
  unknownOptions: string[];
}

const ALLOWED = new Set([
  'client_encoding',
  'client_min_messages',
  'datestyle',
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'extra_float_digits',
  'bytea_output',
  'geqo',
  'idle_in_transaction_session_timeout',
  'intervalstyle',
  'jit',
  'lock_timeout',
  'plan_cache_mode',
  'search_path',
  'statement_timeout',
  'timezone',
  'work_mem',
]);

// In these, every byte below 0x80 is the ASCII character, also inside a character of many bytes: only so does the
// guard read a statement as the target does (in SJIS, BIG5, GBK a second byte can be a backslash or a quote).
const SAFE_ENCODINGS =
  /^(utf-?8|unicode|sql_?ascii|latin-?([1-9]|10)|win125[0-8]|win866|win874|iso_?8859_?[5-8]|koi8_?[ru])$/i;

const LONGEST_VALUE = 1_000;
const LONGEST_NAME_BYTES = 63;

/** True for client encodings under which the guard understands statements. */
export function isSafeEncoding(name: string): boolean {
  return SAFE_ENCODINGS.test(name.trim().replaceAll(/^['"]|['"]$/g, ''));
}

/** `body` is a startup packet after its version. Errors: ProtocolError that names the parameter. */
export function readStartupParameters(body: Buffer): ClientParameters {
  const pairs = readStartupPairs(body);
  const parameters: ClientParameters = {
    user: '',
    database: '',
    application: null,
    settings: new Map(),
    unknownOptions: [],
  };
  for (const [name, value] of pairs) applyParameter(parameters, name, value);
  if (parameters.user === '') throw refused('No user name was given.', '28000');
  if (parameters.database === '') throw refused('No database was given.', '3D000');
  return parameters;
}

function applyParameter(parameters: ClientParameters, name: string, value: string): void {
  if (value.length > LONGEST_VALUE) throw refused(`The startup parameter "${clip(name)}" is too long.`);
  if (name.startsWith('_pq_.')) parameters.unknownOptions.push(name);
  else if (name === 'user') parameters.user = nameValue(name, value);
  else if (name === 'database') parameters.database = nameValue(name, value);
  else if (name === 'application_name') parameters.application = value;
  else if (name === 'options')
    for (const [key, setting] of readOptions(value)) applySetting(parameters, key, setting);
  else applySetting(parameters, name, value);
}

function applySetting(parameters: ClientParameters, name: string, value: string): void {
  const key = name.toLowerCase().replaceAll('-', '_');
  if (key === 'application_name') {
    parameters.application = value;
    return;
  }
  if (!ALLOWED.has(key)) {
    throw refused(
      `The startup parameter "${clip(name)}" is not allowed here.`,
      '42501',
      ['Allowed are application_name and ', [...ALLOWED].join(', '), '.'].join(''),
    );
  }
  if (key === 'client_encoding' && !isSafeEncoding(value)) {
    throw refused(
      `The client encoding "${clip(value)}" is not allowed here.`,
      '22023',
      'Use UTF8 (PGCLIENTENCODING=UTF8).',
    );
  }
  parameters.settings.set(key, value);
}

function nameValue(name: string, value: string): string {
  if (Buffer.byteLength(value) > LONGEST_NAME_BYTES) throw refused(`The ${name} name is too long.`, '28000');
  return value;
}

/** `-c name=value`, `-cname=value`, `--name=value`; a backslash keeps the next character, as PostgreSQL reads it. */
function readOptions(text: string): [string, string][] {
  const words = splitWords(text);
  const settings: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    let setting: string;
    if (word === '-c') setting = words[++i] ?? '';
    else if (word.startsWith('--')) setting = word.slice(2);
    else if (word.startsWith('-c')) setting = word.slice(2);
    else
      throw refused(
        `"${clip(word)}" in the startup parameter "options" is not understood.`,
        '22023',
        'Write -c name=value.',
      );
    const equals = setting.indexOf('=');
    if (equals < 1) throw refused(`"${clip(setting)}" in the startup parameter "options" is not name=value.`);
    settings.push([setting.slice(0, equals), setting.slice(equals + 1)]);
  }
  return settings;
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (character === '\\' && i + 1 < text.length) {
      word = (word ?? '') + text.charAt(++i);
    } else {
      word = (word ?? '') + character;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

function clip(text: string): string {
  const plain = text.replaceAll(/\p{Cc}/gu, '?');
  return plain.length > 60 ? `${plain.slice(0, 60)}…` : plain;
}

function refused(text: string, sqlstate = '22023', hint?: string): ProtocolError {
  return new ProtocolError('startup', text, undefined, sqlstate, hint);
}
