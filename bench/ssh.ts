// The SSH gateway against the host itself: the real `ssh` program, the same sshd, in turns. Bulk is a large output of a
// program; the time to a prompt is a whole connection, from the start of `ssh` to the first byte of what it runs.

import { type SshWorld, startSshWorld } from '../test/harness/ssh-world.ts';
import { type Bench, interleave, median, medianRatio, type Row, rounded } from './rounds.ts';

const MEGABYTE = 1024 * 1024;

export const sshBench: Bench = {
  measures: 'SSH through the gateway against direct: bulk, time to a prompt, memory at 500 MB',
  async run({ quick, say }) {
    const world = await startSshWorld();
    try {
      const bulk = await bulkRow(world, { megabytes: quick ? 50 : 200, rounds: 3, say });
      const prompt = await promptRow(world, { rounds: quick ? 5 : 9, say });
      return [bulk, prompt, await memoryRow(world, quick ? 100 : 500)];
    } finally {
      await world.stop();
    }
  },
};

async function bulkRow(
  world: SshWorld,
  { megabytes, rounds, say }: { megabytes: number; rounds: number; say(line: string): void },
): Promise<Row> {
  const command = `head -c ${megabytes * MEGABYTE} /dev/zero`;
  const rate = async (way: Way) => {
    const took = await timed(world, way, command, megabytes * MEGABYTE);
    return (megabytes * 1_000) / took.wholeMs;
  };
  const results = await interleave(
    { gateway: () => rate('gateway'), direct: () => rate('direct') },
    rounds,
    (name, value) => say(`bulk ${name}: ${rounded(value)} MB/s`),
  );
  const value = rounded(medianRatio(results.gateway, results.direct));
  return { name: 'bulk / direct', value, unit: '×', goal: 0.3, better: 'higher' };
}

async function promptRow(
  world: SshWorld,
  { rounds, say }: { rounds: number; say(line: string): void },
): Promise<Row> {
  const first = async (way: Way) => (await timed(world, way, 'echo ready', 0)).firstMs;
  const results = await interleave(
    { gateway: () => first('gateway'), direct: () => first('direct') },
    rounds,
    () => undefined,
  );
  say(`prompt: ${rounded(median(results.gateway))} ms, direct ${rounded(median(results.direct))} ms`);
  const value = rounded(medianRatio(results.gateway, results.direct));
  return { name: 'time to prompt / direct', value, unit: '×', goal: 1.5, better: 'lower' };
}

/** How much this process, which holds the gateway, grows while so much passes. */
async function memoryRow(world: SshWorld, megabytes: number): Promise<Row> {
  await timed(world, 'gateway', `head -c ${20 * MEGABYTE} /dev/zero`, 20 * MEGABYTE);
  const before = process.memoryUsage().rss;
  let most = before;
  const look = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 50);
  await timed(world, 'gateway', `head -c ${megabytes * MEGABYTE} /dev/zero`, megabytes * MEGABYTE);
  clearInterval(look);
  const value = rounded((most - before) / MEGABYTE);
  return { name: `growth at ${megabytes} MB`, value, unit: 'MB', goal: null, better: 'lower' };
}

type Way = 'gateway' | 'direct';

/** The output goes to nowhere by the shell, so that this process, which is the gateway too, does not read it. */
async function timed(
  world: SshWorld,
  way: Way,
  command: string,
  expectedBytes: number,
): Promise<{ firstMs: number; wholeMs: number }> {
  const grant = await world.grant();
  const words =
    way === 'direct'
      ? [...world.direct, command]
      : [...world.options(), '-p', String(world.gateway.port), `${grant.login}@127.0.0.1`, command];
  const startedAt = performance.now();
  const child =
    expectedBytes === 0
      ? world.start(grant, ['ssh', ...words])
      : world.start(grant, ['sh', '-c', 'ssh "$@" | wc -c', 'sh', ...words]);
  let firstMs = 0;
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    firstMs ||= performance.now() - startedAt;
    said += chunk.toString();
  });
  child.stdin?.end();
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const right = expectedBytes === 0 ? said === 'ready\n' : Number(said) === expectedBytes;
  if (code !== 0 || !right)
    throw new Error(`ssh (${way}) ended with ${code} and said ${said.slice(0, 100)}.`);
  return { firstMs, wholeMs: performance.now() - startedAt };
}
