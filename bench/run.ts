// `npm run bench -- <name> [--json] [--quick]`: one measured claim at a time. With --json exactly one JSON array on
// stdout; progress goes to stderr. The rows and their names are relied on from outside.

import { expiryBench } from './expiry.ts';
import { gatewayBench } from './gateway.ts';
import { grantBench } from './grant.ts';
import { policyBench } from './policy.ts';
import type { Bench, Row } from './rounds.ts';
import { sshBench } from './ssh.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  expiry: expiryBench,
  grant: grantBench,
  gateway: gatewayBench,
  policy: policyBench,
  ssh: sshBench,
};
const USAGE = 2;

async function main(args: string[]): Promise<number> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const flags = args.filter((arg) => arg.startsWith('-'));
  const names = args.filter((arg) => !arg.startsWith('-'));
  const [name = ''] = names;
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  const odd = flags.find((flag) => flag !== '--json' && flag !== '--quick');
  if (bench === undefined || names.length !== 1 || odd !== undefined) {
    if (odd !== undefined) say(`Unknown option ${odd}.`);
    else if (name !== '') say(`There is no bench "${names.join(' ')}".`);
    say('npm run bench -- <name> [--json] [--quick]');
    for (const [known, { measures }] of Object.entries(BENCHES)) say(`  ${known.padEnd(9)} ${measures}`);
    return USAGE;
  }
  const rows = await bench.run({ quick: flags.includes('--quick'), say });
  process.stdout.write(flags.includes('--json') ? `${JSON.stringify(rows)}\n` : table(rows));
  return 0;
}

function table(rows: Row[]): string {
  const width = Math.max(...rows.map((row) => row.name.length));
  const lines = rows.map(({ name, value, unit, goal, better }) => {
    const aim = goal === null ? '' : `goal ${better === 'higher' ? '≥' : '≤'} ${goal}`;
    const reached = goal === null || (better === 'higher' ? value >= goal : value <= goal);
    return `${name.padEnd(width)}  ${String(value).padStart(9)} ${unit.padEnd(8)} ${aim}${reached ? '' : '  not reached'}`.trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

process.exitCode = await main(process.argv.slice(2));
