// docs/guard.md, made of the table that guard.test.ts tries: node test/guard/page.ts > docs/guard.md

import { GUARD_RULES, type GuardRule } from '../../src/gateway/postgres/guard/rules.ts';
import { BEYOND_LISTS, NEVER, NO, type Outcome, PASSES, TRICKS, type Trick, UNBOUNDED } from './tricks.ts';
import { WORK } from './work.ts';

const HEAD = `# What the guard refuses, line by line

This page is made of the table in \`test/guard/\` and not written by hand. Each line is sent to a gateway in front of
PostgreSQL 15 and 18, in the simple and in the extended protocol, and is refused as a normal SQL error, in every way to
write it that is listed in the table; the session lives on. Then the first way is sent once more to the target itself, past
the gateway, as the login of two tasks: *fix-orders* (reads and corrects a table) and *change-schema* (acts as the owner of the
tables). What the rights there say stands beside it:

- **no (42501)**: the rights refuse it too; the guard says it earlier, and in the task's words.
- **no**, with another code: the server refuses it for another reason, such as a setting or a function that is not there.
- **PASSES**: only the guard stops it. Whoever reaches the target past the gateway with that login can do it, until the grant
  ends. [PostgreSQL targets](postgresql.md) says how \`pg_hba.conf\` keeps such logins to the gateway.

How the guard works, and how a task lifts a rule: [PostgreSQL targets](postgresql.md#the-guard).
`;

/** The whole page. */
export function guardPage(): string {
  const rules = Object.keys(TRICKS) as GuardRule[];
  return [
    HEAD,
    ...rules.flatMap((rule) => [
      `## \`${rule}\`\n`,
      `A task may lift it: ${GUARD_RULES[rule]}.\n`,
      table(TRICKS[rule]),
    ]),
    '## What no task can lift\n',
    table(NEVER),
    '## Beyond the lists of a task\n',
    'Of *fix-orders*, which names `orders` and `refunds`. A task that acts as an owner has no lists.\n',
    table(BEYOND_LISTS, false),
    'With `requireWhere`:\n',
    table(UNBOUNDED, false),
    '## What passes\n',
    'Under *fix-orders* with its lists enforced, with the same answers as from the target itself:\n',
    WORK.map(({ what, steps }) => `- ${what}: ${steps.map(code).join(' · ')}\n`).join(''),
    '## What it does not see\n',
    NOT_SEEN,
  ].join('\n');
}

const NOT_SEEN = `- What functions, operators, casts, triggers, rules and views of the application do inside.
- A function of the application that has the name of one of PostgreSQL's own (\`lower\`, say) and other arguments: called
  without a schema, it counts as PostgreSQL's.
- Functions that are made while a session runs, where they are called in the form of a column (\`x.f\` for \`f(x)\`). The next
  session knows them.
- Operators and casts in general: which function they call is in the target's catalog.
`;

function table(tricks: readonly Trick[], withOwner = true): string {
  const head = [
    'to',
    'as in',
    'fix-orders on the target',
    ...(withOwner ? ['change-schema on the target'] : []),
  ];
  const rows = tricks.map(({ what, sql, target, owner, also }) => [
    what,
    `${code(sql)}${also.length === 0 ? '' : ` and ${also.length} more`}`,
    said(target),
    ...(withOwner ? [said(owner)] : []),
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function said(outcome: Outcome): string {
  if (outcome === PASSES) return '**PASSES**';
  return outcome === NO ? `no (${NO})` : `no: ${outcome}`;
}

function code(sql: string): string {
  const line = sql.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
  return line.includes('`') ? line : `\`${line}\``;
}

if (import.meta.main) process.stdout.write(guardPage());
