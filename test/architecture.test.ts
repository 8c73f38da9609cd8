// Who may import whom, and the house rules that a machine can see. To change the table, write an ADR.
// Long because the table, the rules and the proof that each of them bites belong side by side.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT } from './harness/checks.ts';
import { type Import, readSource } from './harness/source-facts.ts';

interface Row {
  /** Modules of ours. `x/*` is any below x. */
  may: readonly string[];
  /** Modules of which only types may be imported. */
  types?: readonly string[];
  /** npm packages. */
  packages: readonly string[];
}

const EVERYTHING = ['*'];
const FACTS = ['audit', 'audit/verify', 'events', 'jobs', 'db', 'api', 'base'];
const READ = [
  'keys',
  'break-glass',
  'notices',
  'replicas',
  'sessions',
  'people',
  'proposals',
  'grants',
  'policy',
  'identity',
  'targets',
  ...FACTS,
];
const SURFACE = [
  'gateway',
  'insight',
  'notify',
  'policy/engine',
  'break-glass/kit-file',
  ...READ.filter((module) => module !== 'db'),
];

const TABLE: Readonly<Record<string, Row>> = {
  base: { may: [], packages: ['canonicalize', 'pino'] },
  'parent-watch': { may: [], packages: [] },
  config: { may: ['base'], packages: ['yaml', 'zod'] },
  api: { may: ['base'], packages: ['zod'] },
  // Keys and certificates of SSH, as bytes: pure.
  ssh: { may: ['base'], packages: [] },
  db: { may: ['base'], packages: ['kysely', 'pg'] },
  'connectors/contract': { may: ['base'], packages: ['zod'] },
  'connectors/conformance': { may: ['connectors/contract', 'base'], packages: [] },
  'connectors/registry': { may: ['connectors/contract', 'connectors/kinds/*', 'base'], packages: ['zod'] },
  'connectors/kinds/postgres': {
    may: ['connectors/contract', 'base'],
    packages: ['pg', 'pg-protocol', 'zod'],
  },
  'connectors/kinds/ssh': { may: ['connectors/contract', 'ssh', 'base'], packages: ['ssh2', 'zod'] },
  'policy/engine': { may: ['base'], packages: ['@cedar-policy/cedar-wasm'] },
  'audit/verify': { may: ['base'], packages: [] },
  // PostgreSQL's messages and logins, for whoever speaks them: the gateway, and the command line's proxy.
  'pg-wire': { may: ['base'], packages: [] },
  // LISTEN holds a connection of its own, outside the pool.
  events: { may: ['db', 'base'], packages: ['kysely', 'pg'] },
  jobs: { may: ['db', 'base'], packages: ['kysely'] },
  // api: the log is read in the form in which it is shown, as everywhere.
  audit: { may: ['audit/verify', 'db', 'api', 'base'], packages: ['kysely', 'zod'] },
  // jose: tokens of other issuers; scimmy: a directory's filters, patches and schemas.
  identity: {
    may: FACTS,
    packages: ['@simplewebauthn/server', 'jose', 'kysely', 'openid-client', 'scimmy'],
  },
  policy: { may: ['policy/engine', ...FACTS], packages: ['kysely'] },
  // A row for each person, written in the transaction of the act: so whatever acts may tell.
  notices: { may: FACTS, packages: ['kysely', 'zod'] },
  targets: {
    may: ['connectors/registry', 'ssh', ...FACTS],
    types: ['connectors/contract'],
    packages: ['kysely', 'zod'],
  },
  grants: {
    // policy/engine: its `decide` is pure; grants brings it the facts. notices: who could say yes to a statement is told.
    may: ['policy', 'policy/engine', 'identity', 'targets', 'notices', 'ssh', ...FACTS],
    types: ['connectors/contract'],
    packages: ['kysely', 'zod'],
  },
  // Changes of policy: they know who may sign (identity, grants' rights) and what a change does (policy, its engine).
  proposals: {
    may: ['grants', 'policy', 'policy/engine', 'identity', 'targets', ...FACTS],
    packages: ['kysely', 'zod'],
  },
  // Changes of people that take two: what they confer (policy, its engine), who may be the second (proposals, grants).
  people: {
    may: ['proposals', 'grants', 'policy', 'policy/engine', 'identity', 'targets', ...FACTS],
    packages: ['kysely'],
  },
  // Uses of break-glass, their reviews, drills and emergency kits: they make grants as `grants` makes them.
  'break-glass': {
    may: [
      'break-glass/kit-file',
      'grants',
      'notices',
      'policy',
      'policy/engine',
      'identity',
      'targets',
      ...FACTS,
    ],
    types: ['connectors/contract'],
    packages: ['kysely', 'zod'],
  },
  // What the command line opens without a server: pure.
  'break-glass/kit-file': { may: ['base'], packages: ['shamir-secret-sharing', 'zod'] },
  // Buckets that speak S3's protocol; knows nothing of what lies in them.
  'object-store': { may: ['base'], packages: ['aws4fetch'] },
  sessions: {
    // identity: whose sessions a reader may see.
    may: ['grants', 'identity', 'audit', 'audit/verify', 'events', 'db', 'object-store', 'api', 'base'],
    packages: ['kysely', 'zod'],
  },
  // Who else works on the store; what they leave behind is freed by whoever wires this.
  replicas: { may: FACTS, packages: ['kysely', 'zod'] },
  // Keys that change while everything runs: what each seals, and where the next one goes.
  keys: { may: ['targets', ...FACTS], packages: ['kysely'] },
  insight: { may: READ, types: ['connectors/contract'], packages: ['kysely'] },
  notify: { may: READ, packages: ['kysely'] },
  gateway: {
    may: ['sessions', 'grants', 'events', 'ssh', 'pg-wire', 'base'],
    packages: ['@peculiar/x509', 'koffi', 'libpg-query', 'pg-protocol', 'reflect-metadata', 'ssh2'],
  },
  http: {
    may: SURFACE,
    packages: [
      '@fastify/cookie',
      '@fastify/static',
      '@fastify/swagger',
      'fastify',
      'fastify-type-provider-zod',
      'zod',
    ],
  },
  mcp: { may: SURFACE, packages: ['zod'] },
  cli: {
    // policy/engine: it is pure, so that policies are tested without a server.
    // break-glass/kit-file: an emergency kit is opened while there is no server.
    // ssh: a client's key is made where it is used.
    may: ['api', 'audit/verify', 'policy/engine', 'break-glass/kit-file', 'ssh', 'pg-wire', 'base'],
    packages: ['@clack/prompts', 'commander', 'pg', 'yaml', 'zod'],
  },
  demo: { may: EVERYTHING, packages: EVERYTHING },
  program: { may: EVERYTHING, packages: EVERYTHING },
  main: { may: EVERYTHING, packages: EVERYTHING },
  portal: {
    may: ['api', 'audit/verify', 'base'],
    packages: [
      'asciinema-player',
      '@mantine/core',
      '@mantine/hooks',
      '@mantine/notifications',
      '@simplewebauthn/browser',
      '@tabler/icons-react',
      '@tanstack/react-query',
      '@tanstack/react-router',
      '@vitejs/plugin-react',
      'canonicalize',
      'react',
      'react-dom',
      'recharts',
      'vite',
      'zod',
    ],
  },
};

/** Folders of `src/` whose parts have rows of their own. */
const DIVIDED = ['connectors', 'connectors/kinds'];
const NESTED = ['policy/engine', 'audit/verify', 'break-glass/kit-file'];
/**
 * All sockets to a target are opened by `dial`. The gateway listens, the embedded server looks for a free port, and
 * the command line's own prompt talks to the gateway, and its login waits for the browser.
 */
const MAY_OPEN_SOCKETS = [
  'src/targets/dial.ts',
  'src/gateway/',
  'src/db/embedded/port.ts',
  'src/cli/sql/',
  'src/cli/proxy/',
  'src/cli/browser-login.ts',
];
/** TLS over a socket that was dialled already. */
const MAY_WRAP_SOCKETS = [
  'src/gateway/',
  'src/connectors/kinds/',
  'src/targets/dial.ts',
  'src/cli/sql/',
  'src/cli/proxy/',
];
const SOCKET_MODULES = /^node:(net|tls|dgram|http|https|http2)$/;
const HARMLESS_SOCKET_NAMES = ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'];
/** The server's one reader, the command line's one. */
const MAY_READ_ENVIRONMENT = ['src/config.ts', 'src/cli/environment.ts'];
/** Tools that want a default export. */
const MAY_EXPORT_DEFAULT = ['portal/vite.config.ts'];
/** Loads what lies in its folder, so that a connector is one file and no list. */
const MAY_COMPUTE_IMPORTS = ['src/connectors/registry.ts'];
const LONGEST_FILE_LINES = 400;
const REASON_FOR_LENGTH = 'Long because';

/** `src/policy/engine/decide.ts` → `policy/engine`. */
function moduleOf(path: string): string {
  const [top = '', ...rest] = path.split('/');
  if (top !== 'src') return top;
  const parts = rest.map((part) => part.replace(/(\.test)?\.tsx?$/, ''));
  const nested = NESTED.find((one) => `${parts.join('/')}/`.startsWith(`${one}/`));
  if (nested !== undefined) return nested;
  let module = parts[0] ?? '';
  for (let depth = 1; DIVIDED.includes(module) && parts[depth] !== undefined; depth++)
    module += `/${parts[depth]}`;
  return module;
}

/** Every breach of the rules in one file, each with its line; `path` is relative to the checkout. */
const WRITES_HTML =
  /\b(dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|srcdoc|srcDoc|document\.write)\b/;

function breaches(path: string, text: string): string[] {
  const facts = readSource(path, text);
  const isTest = /\.test\.tsx?$/.test(path);
  const found = nameBreaches(path);
  if (!isTest) {
    for (const one of facts.imports) found.push(...importBreaches(path, one));
    if (facts.header === '') found.push('does not open with a comment on what it is for');
    if (!MAY_READ_ENVIRONMENT.includes(path)) {
      for (const line of facts.environmentLines)
        found.push(`line ${line}: reads process.env; only config.ts does`);
    }
  }
  for (const line of facts.anyLines) found.push(`line ${line}: any`);
  if (path.startsWith('portal/') && WRITES_HTML.test(text))
    found.push('writes HTML: what hosts, databases and people say is shown as text only');
  if (!MAY_EXPORT_DEFAULT.includes(path)) {
    for (const line of facts.defaultExportLines) found.push(`line ${line}: default export`);
  }
  if (facts.reExports > 0 && (facts.ownStatements === 0 || /^index\.tsx?$/.test(basename(path)))) {
    found.push('is a barrel: it only hands on what others export');
  }
  if (facts.lines > LONGEST_FILE_LINES && !facts.header.includes(REASON_FOR_LENGTH)) {
    found.push(`has ${facts.lines} lines; its header gives no reason ("${REASON_FOR_LENGTH} …")`);
  }
  return found;
}

function nameBreaches(path: string): string[] {
  const found: string[] = [];
  for (const part of path.split('/')) {
    const name = part.replace(/(\.(test|config))?\.tsx?$/, '');
    if (/^(utils?|helpers?)$/.test(name)) found.push(`"${part}" names nothing: find the noun`);
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) found.push(`"${part}" is not kebab-case`);
  }
  return found;
}

function importBreaches(path: string, { specifier, typeOnly, names, line }: Import): string[] {
  const at = `line ${line}:`;
  const from = moduleOf(path);
  const row = TABLE[from];
  // Told once, by a test of its own.
  if (row === undefined) return [];
  if (specifier === null)
    return MAY_COMPUTE_IMPORTS.includes(path) ? [] : [`${at} imports what only the run can tell`];
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(path), specifier));
    if (/\.test\.tsx?$/.test(target)) return [`${at} ${target} is a test`];
    const to = moduleOf(target);
    if (to === from || allows(row.may, to) || (typeOnly && allows(row.types ?? [], to))) return [];
    return [`${at} ${from} may not import ${to}${allows(row.types ?? [], to) ? ' (only its types)' : ''}`];
  }
  if (specifier.startsWith('node:')) return socketBreaches(path, specifier, typeOnly, names, at);
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return allows(row.packages, name) ? [] : [`${at} ${from} may not import the package ${name}`];
}

function socketBreaches(
  path: string,
  specifier: string,
  typeOnly: boolean,
  names: string[],
  at: string,
): string[] {
  if (path.startsWith('portal/') && path !== 'portal/vite.config.ts')
    return [`${at} a browser has no ${specifier}`];
  if (typeOnly || !SOCKET_MODULES.test(specifier)) return [];
  if (path === 'src/main.ts' || path === 'src/program.ts' || path.startsWith('src/demo/')) return [];
  const places = specifier === 'node:tls' ? MAY_WRAP_SOCKETS : MAY_OPEN_SOCKETS;
  if (places.some((place) => path.startsWith(place))) return [];
  const sharp = names.filter((name) => !HARMLESS_SOCKET_NAMES.includes(name));
  return sharp.length === 0
    ? []
    : [`${at} only targets/dial and the gateway open sockets (${sharp.join(', ')})`];
}

function allows(list: readonly string[], name: string): boolean {
  return list.some(
    (one) => one === '*' || one === name || (one.endsWith('/*') && name.startsWith(one.slice(0, -1))),
  );
}

/** Modules that the table does not know: whatever they import is forbidden by this being an error. */
function withoutRow(paths: string[]): string[] {
  return [...new Set(paths.map(moduleOf))].filter((module) => TABLE[module] === undefined);
}

function sourcesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'dist' && entry.name !== 'node_modules')
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sourcesUnder(path);
      return /\.tsx?$/.test(entry.name) ? [relative(ROOT, path)] : [];
    });
}

const sources = [...sourcesUnder(join(ROOT, 'src')), ...sourcesUnder(join(ROOT, 'portal'))];

describe('the house', () => {
  test('every source keeps to the import table and the house rules', () => {
    assert.ok(sources.length > 50, 'the sources were not found');
    const all = sources.flatMap((path) =>
      breaches(path, readFileSync(join(ROOT, path), 'utf8')).map((one) => `${path} ${one}`),
    );
    assert.equal(all.length, 0, `\n${all.join('\n')}\n`);
  });

  test('every part of src/ has a row', () => {
    assert.deepEqual(withoutRow(sources), []);
  });

  test('the table has no circle', () => {
    const done = new Set<string>();
    const visit = (module: string, way: string[]) => {
      assert.ok(!way.includes(module), `a circle: ${[...way, module].join(' → ')}`);
      if (done.has(module)) return;
      for (const next of TABLE[module]?.may ?? [])
        if (next !== '*' && !next.endsWith('/*')) visit(next, [...way, module]);
      done.add(module);
    };
    for (const module of Object.keys(TABLE)) visit(module, []);
  });

  test('nobody outside tests has a .tsx in src/', () => {
    assert.deepEqual(
      sources.filter((path) => path.startsWith('src/') && path.endsWith('.tsx')),
      [],
    );
  });
});

describe('the rules bite', () => {
  const header = '// What it is for.\n';
  const cases: [what: string, path: string, code: string, expected: RegExp | null][] = [
    ['allowed import', 'src/grants/x.ts', "import { a } from '../policy/publish.ts';", null],
    ['own module', 'src/grants/x.ts', "import { a } from './transitions.ts';", null],
    ['static', 'src/base/x.ts', "import { a } from '../db/client.ts';", /line 2: base may not import db/],
    ['for effect alone', 'src/base/x.ts', "import '../db/client.ts';", /base may not import db/],
    [
      'type',
      'src/policy/engine/x.ts',
      "import type { A } from '../publish.ts';",
      /policy\/engine may not import policy/,
    ],
    [
      'inline type',
      'src/audit/verify/x.ts',
      "import { type A } from '../append.ts';",
      /audit\/verify may not import audit/,
    ],
    [
      'type in an expression',
      'src/api/x.ts',
      "export type T = import('../db/tables.ts').Tables;",
      /api may not import db/,
    ],
    [
      'dynamic',
      'src/http/x.ts',
      "export const a = await import('../db/client.ts');",
      /http may not import db/,
    ],
    [
      'dynamic, computed',
      'src/http/x.ts',
      'export const a = await import(process.argv[2]);',
      /only the run can tell/,
    ],
    [
      'export from',
      'src/http/x.ts',
      "export { a } from '../connectors/registry.ts'; export const b = 1;",
      /http may not import connectors\/registry/,
    ],
    [
      'export all',
      'src/http/x.ts',
      "export * from '../connectors/contract.ts'; export const b = 1;",
      /may not import connectors\/contract/,
    ],
    [
      'require',
      'src/base/x.ts',
      "import { createRequire } from 'node:module';\nexport const a = createRequire(import.meta.url)('pg');",
      /line 3: base may not import the package pg/,
    ],
    [
      'connector: db',
      'src/connectors/kinds/postgres/x.ts',
      "import { a } from '../../../db/client.ts';",
      /connectors\/kinds\/postgres may not import db/,
    ],
    [
      'connector: another kind',
      'src/connectors/kinds/postgres.ts',
      "import { a } from './mysql.ts';",
      /may not import connectors\/kinds\/mysql/,
    ],
    [
      'connector: socket',
      'src/connectors/kinds/postgres/x.ts',
      "import { connect } from 'node:net';",
      /only targets\/dial and the gateway open sockets/,
    ],
    [
      'connector: whole module',
      'src/connectors/kinds/postgres/x.ts',
      "import net from 'node:net';",
      /open sockets/,
    ],
    [
      'connector: type of a socket',
      'src/connectors/kinds/postgres/x.ts',
      "import type { Socket } from 'node:net';",
      null,
    ],
    ['http: socket', 'src/grants/x.ts', "import { request } from 'node:https';", /open sockets/],
    ['not a socket', 'src/policy/engine/x.ts', "import { isIP } from 'node:net';", null],
    [
      'gateway: policy',
      'src/gateway/x.ts',
      "import { a } from '../policy/publish.ts';",
      /gateway may not import policy/,
    ],
    [
      'grants: a connector at run time',
      'src/grants/x.ts',
      "import { a } from '../connectors/contract.ts';",
      /only its types/,
    ],
    [
      'grants: types of connectors',
      'src/grants/x.ts',
      "import type { A } from '../connectors/contract.ts';",
      null,
    ],
    [
      'cli: server side',
      'src/cli/x.ts',
      "import { a } from '../grants/submit.ts';",
      /cli may not import grants/,
    ],
    [
      'portal: server side',
      'portal/pages/x.tsx',
      "import { a } from '../../src/grants/submit.ts';",
      /portal may not import grants/,
    ],
    [
      'portal: HTML',
      'portal/pages/x.tsx',
      'export const a = <p dangerouslySetInnerHTML={{ __html: reason }} />;',
      /writes HTML/,
    ],
    ['portal: Node', 'portal/pages/x.tsx', "import { a } from 'node:fs';", /a browser has no node:fs/],
    ['driver', 'src/grants/x.ts', "import pg from 'pg';", /grants may not import the package pg/],
    ['a test', 'src/grants/x.ts', "import { a } from './y.test.ts';", /is a test/],
    [
      'test harness',
      'src/grants/x.ts',
      "import { a } from '../../test/harness/postgres.ts';",
      /grants may not import test/,
    ],
    ['environment', 'src/grants/x.ts', 'export const a = process.env.HOME;', /line 2: reads process\.env/],
    [
      'environment, by brackets',
      'src/grants/x.ts',
      "export const a = globalThis.process['env'];",
      /process\.env/,
    ],
    [
      'environment, taken apart',
      'src/grants/x.ts',
      'const { env } = process; export const a = env;',
      /process\.env/,
    ],
    [
      'environment, imported',
      'src/grants/x.ts',
      "import { env } from 'node:process'; export const a = env;",
      /process\.env/,
    ],
    ['environment in words', 'src/grants/x.ts', "// process.env\nexport const a = 'process.env';", null],
    ['any', 'src/grants/x.ts', 'export const a: any = 1;', /line 2: any/],
    ['any, deep', 'src/grants/x.test.ts', 'export const a = new Map<string, Array<any>>();', /line 2: any/],
    ['any in words', 'src/grants/x.ts', "export const any = 'any'; // : any", null],
    ['default export', 'src/grants/x.ts', 'export default 1;', /default export/],
    ['default export, by name', 'src/grants/x.ts', 'const a = 1; export { a as default };', /default export/],
    ['barrel', 'src/grants/all.ts', "export { a } from './a.ts';\nexport * from './b.ts';", /barrel/],
    ['index', 'src/grants/index.ts', "export { a } from './a.ts'; export const b = 1;", /barrel/],
    ['utils', 'src/grants/utils.ts', 'export const a = 1;', /names nothing/],
    ['helpers', 'src/grants/helpers/x.ts', 'export const a = 1;', /names nothing/],
    ['camel case', 'src/grants/openSession.ts', 'export const a = 1;', /kebab-case/],
    ['too long', 'src/grants/x.ts', 'export const a = [\n'.padEnd(1_000, '1,\n').concat('];'), null],
    ['too long', 'src/grants/x.ts', `export const a = [\n${'1,\n'.repeat(401)}];`, /has 404 lines/],
  ];
  for (const [what, path, code, expected] of cases) {
    test(`${what}: ${expected === null ? 'passes' : 'is reported'} (${path})`, () => {
      const found = breaches(path, header + code);
      if (expected === null) assert.deepEqual(found, []);
      else assert.match(found.join('\n'), expected);
    });
  }

  test('a long file that gives its reason passes; a file without a header does not', () => {
    const long = `// Long because it is one table.\nexport const a = [\n${'1,\n'.repeat(401)}];`;
    assert.deepEqual(breaches('src/grants/x.ts', long), []);
    assert.match(breaches('src/grants/x.ts', 'export const a = 1;').join(), /does not open with a comment/);
  });

  test('a new folder without a row is reported', () => {
    const paths = ['src/surprise/x.ts', 'src/connectors/kinds/mysql.ts', 'src/lonely.ts', 'src/grants/x.ts'];
    assert.deepEqual(withoutRow(paths), ['surprise', 'connectors/kinds/mysql', 'lonely']);
  });

  test('what does not parse is an error, not a pass', () => {
    assert.throws(() => breaches('src/grants/x.ts', 'import {'), /does not parse/);
  });
});
