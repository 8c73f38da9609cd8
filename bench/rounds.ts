// How every figure here is taken: contenders run in turns (A B C, B C A, …), so that whatever else the machine does
// hits all of them; a figure against a floor or a peer is the median of the ratios of each round.

export interface Row {
  name: string;
  value: number;
  unit: string;
  /** What this row is meant to reach (docs of the bench); null where it is only reported. */
  goal: number | null;
  better: 'higher' | 'lower';
}

export interface BenchOptions {
  /** At most a minute instead of four; fewer and shorter rounds, so more noise. */
  quick: boolean;
  /** Progress, for a person. */
  say(line: string): void;
}

export interface Bench {
  /** One line. */
  measures: string;
  run(options: BenchOptions): Promise<Row[]>;
}

/** Fewer than this are no median. */
const FEWEST_ROUNDS = 3;

/** The results of each contender, one a round. */
export type Rounds<Name extends string> = Record<Name, number[]>;

/** Runs all contenders `rounds` times (at least three), each round beginning with another one. */
export async function interleave<Name extends string>(
  contenders: Record<Name, () => Promise<number>>,
  rounds: number,
  told: (name: Name, value: number) => void,
): Promise<Rounds<Name>> {
  if (rounds < FEWEST_ROUNDS) throw new RangeError(`A median wants at least ${FEWEST_ROUNDS} rounds.`);
  const names = Object.keys(contenders) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Rounds<Name>;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      if (name === undefined) continue;
      const value = await contenders[name]();
      results[name].push(value);
      told(name, value);
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('There is no median of nothing.');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** The median of the rounds' own ratios: what slows a whole round down cancels out. */
export function medianRatio(values: readonly number[], floors: readonly number[]): number {
  return median(values.map((value, round) => value / (floors[round] ?? Number.NaN)));
}

/** `act` over and over on `lanes` lanes for `forMs`; how many a second. The first error ends it and is thrown. */
export async function perSecond(lanes: number, forMs: number, act: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  const endsAt = startedAt + forMs;
  let done = 0;
  let broken = false;
  const lane = async () => {
    while (!broken && performance.now() < endsAt) {
      await act();
      done++;
    }
  };
  await Promise.all(
    Array.from({ length: lanes }, () =>
      lane().catch((error: unknown) => {
        broken = true;
        throw error;
      }),
    ),
  );
  return (done * 1000) / (performance.now() - startedAt);
}

/** Three significant digits: more would only be noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
