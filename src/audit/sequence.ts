// Gives the entries their places. Writers only insert; one sequencer at a time (the row of audit_tree is the
// lock, so replicas take turns) numbers what has committed, in batches, and a checkpoint follows within a second.
// What to number is told by `index is null` and not by a position in `seq`: a transaction that took its seq
// early and commits late is simply numbered later. Nothing is lost, and nothing numbered twice.

import { sql } from 'kysely';
import { Failure, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import type { Db, Trx } from '../db/client.ts';
import { AuditAlarm } from './alarm.ts';
import { checkAgainstOutside, checkpointNow, firstDifference, storedRange } from './checkpoint.ts';
import { logOrigin } from './keys.ts';
import type { LogKeys } from './log-keys.ts';
import { moveAside, OutsideCopy, readEpoch, writeEpoch } from './outside.ts';
import { chainHash, HASH_BYTES, leafHash } from './verify/tree.ts';

/** Entries numbered in one transaction. */
const BATCH_SIZE = 2_000;
/** How often the sequencer looks; with the next it makes a checkpoint at most a second after a commit. */
const TICK_MS = 250;
const CHECKPOINT_GAP_MS = 600;
/** How often a replica that has numbered nothing brings its own copy up to what others have. */
const FOLLOW_GAP_MS = 5_000;
/** `flush` waits this long for another replica's batch. */
const LOCK_WAIT_MS = 10_000;
const LOCK_RETRY_MS = 20;
/** A failure that lasts is told again this often. */
const REMIND_MS = 60_000;

export interface SequencerOptions {
  db: Db;
  log: Logger;
  /** SALLY_DATA: the copy outside the database is in its folder `audit`. */
  dataFolder: string;
  keys: LogKeys;
  /** Recoveries that somebody signed; none unless given. */
  bridges?: Bridges;
  installationId: string;
}

export interface Bridges {
  epoch(): number;
  /** Signed after `epoch`, with where the store's log went on. */
  bridgesAfter(epoch: number): Promise<{ epoch: number; kept: { storeSize: number } }[]>;
}

/** What the copy outside has, for whoever signs a bridge over it. */
export interface KeptState {
  size: number;
  /** Base64. */
  root: string;
}

export interface SequencerStatus {
  /** Entries that have their place, and entries that checkpoints cover. */
  size: number;
  checkpointSize: number;
  /** What keeps the log from going on now, for a person; null when all is well. */
  problem: string | null;
  /** Set when a person must look: the store's log is not the one that was signed. */
  alarm: AuditAlarm | null;
}

export interface Sequencer {
  /** Opens the copy outside and begins; returns at once. An alarm is told by `status` and in the program's log. */
  start(): void;
  /** Numbers and signs what is there, as far as it can, and closes. */
  stop(): Promise<void>;
  /** Numbers every entry that is committed now and makes a checkpoint. Errors: AuditAlarm, or the store's. */
  flush(): Promise<{ size: number }>;
  /** Looks now instead of at the next tick. */
  kick(): void;
  status(): SequencerStatus;
  /** Resolves when the store has been compared with the copy outside, or after `limitMs`. */
  compared(limitMs: number): Promise<void>;
  /** What the copy outside has; null when it has not been opened. */
  kept(): KeptState | null;
  /** After a bridge was signed: compares again. */
  compareAgain(): Promise<void>;
}

export function createSequencer(options: SequencerOptions): Sequencer {
  return new Running(options);
}

class Running implements Sequencer {
  readonly #options: SequencerOptions;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #loop: Promise<void> | null = null;
  /** Passes and flushes take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #outside: OutsideCopy | null = null;
  #known: TreeState = { size: 0, chain: Buffer.alloc(0) };
  #checkpointSize = 0;
  #checkpointedAtMs = Number.NEGATIVE_INFINITY;
  #alarm: AuditAlarm | null = null;
  #problem: string | null = null;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #kept: KeptState | null = null;
  #firstPass = Promise.withResolvers<void>();

  constructor(options: SequencerOptions) {
    if (options.keys.origin !== logOrigin(options.installationId)) {
      throw new TypeError('The log key is not for this installation.');
    }
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loop;
    if (this.#loop !== null && this.#alarm === null) {
      await this.flush().catch((error: unknown) => this.#tell(error));
    }
    await this.#turn.catch(() => undefined);
    await this.#outside?.close();
    this.#outside = null;
  }

  flush(): Promise<{ size: number }> {
    return this.#exclusive(async () => {
      const giveUpAt = monotonicMs() + LOCK_WAIT_MS;
      for (;;) {
        const done = await this.#sequenceAll();
        if (done) break;
        if (monotonicMs() > giveUpAt) {
          throw new Failure(
            'timeout',
            'audit-log-busy',
            'Another replica is still numbering audit entries. Try again.',
          );
        }
        await sleep(LOCK_RETRY_MS);
      }
      for (;;) {
        const size = await this.#checkpoint();
        if (size >= this.#known.size) return { size };
        if (monotonicMs() > giveUpAt)
          throw new Failure('timeout', 'audit-log-busy', 'Another replica is still signing. Try again.');
        await sleep(LOCK_RETRY_MS);
      }
    });
  }

  kick(): void {
    this.#wake.abort();
  }

  status(): SequencerStatus {
    return {
      size: this.#known.size,
      checkpointSize: this.#checkpointSize,
      problem: this.#problem,
      alarm: this.#alarm,
    };
  }

  async compared(limitMs: number): Promise<void> {
    await Promise.race([this.#firstPass.promise, sleep(limitMs)]);
  }

  kept(): KeptState | null {
    const outside = this.#outside;
    return outside === null ? this.#kept : { size: outside.size, root: outside.root().toString('base64') };
  }

  async compareAgain(): Promise<void> {
    const mine = this.#turn.then(async () => {
      this.#alarm = null;
      await this.#outside?.close();
      this.#outside = null;
      this.#known = { size: 0, chain: Buffer.alloc(0) };
      this.#checkpointSize = 0;
    });
    this.#turn = mine.catch(() => undefined);
    await mine;
    this.kick();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#exclusive(() => this.#pass());
        this.#problem = null;
      } catch (error) {
        this.#tell(error);
      }
      this.#firstPass.resolve();
      await sleep(TICK_MS, this.#wake.signal);
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
    }
  }

  async #pass(): Promise<void> {
    await this.#sequenceAll();
    const sinceMs = monotonicMs() - this.#checkpointedAtMs;
    const gapMs = this.#known.size > this.#checkpointSize ? CHECKPOINT_GAP_MS : FOLLOW_GAP_MS;
    if (sinceMs >= gapMs) await this.#checkpoint();
  }

  /** False when another replica held the lock, so that there may be more. */
  async #sequenceAll(): Promise<boolean> {
    await this.#opened();
    for (;;) {
      const batch = await sequenceBatch(this.#options.db, this.#known);
      if (batch === 'locked') return false;
      if (batch === 'nothing') return true;
      this.#known = batch.state;
      if (batch.count < BATCH_SIZE) return true;
    }
  }

  async #checkpoint(): Promise<number> {
    const outside = await this.#opened();
    const { db, keys } = this.#options;
    this.#checkpointSize = await checkpointNow(db, outside, keys);
    this.#checkpointedAtMs = monotonicMs();
    await keys.advance();
    return this.#checkpointSize;
  }

  /** Nothing is numbered before the store has been compared with the copy outside of it. */
  async #opened(): Promise<OutsideCopy> {
    if (this.#outside !== null) return this.#outside;
    const { db, dataFolder, keys, bridges } = this.#options;
    let outside = await OutsideCopy.open(dataFolder, keys);
    this.#kept = { size: outside.size, root: outside.root().toString('base64') };
    try {
      try {
        await checkAgainstOutside(db, outside, keys);
      } catch (error) {
        const bridge = error instanceof AuditAlarm ? await this.#bridgeOver(outside) : null;
        if (bridge === null) throw error;
        await outside.close();
        await moveAside(dataFolder, bridge);
        outside = await OutsideCopy.open(dataFolder, keys);
      }
      if (bridges !== undefined) await writeEpoch(dataFolder, bridges.epoch());
      const stored = await db.selectFrom('audit_tree').select(['size', 'chain']).executeTakeFirst();
      if (stored === undefined) throw new AuditAlarm(0, 'The state of the log is missing in the database.');
      if (outside.newest === null && stored.size > 0) {
        this.#options.log.warn(
          { size: stored.size },
          'The copy of the audit log outside the database is missing: it is made again from the database.',
        );
      }
      this.#known = stored;
      this.#checkpointSize = outside.newest?.size ?? 0;
    } catch (error) {
      await outside.close();
      throw error;
    }
    this.#outside = outside;
    return outside;
  }

  /** The epoch of a signed bridge that leaves this copy behind, or null. */
  async #bridgeOver(outside: OutsideCopy): Promise<number | null> {
    const { bridges, dataFolder } = this.#options;
    if (bridges === undefined) return null;
    const signed = await bridges.bridgesAfter(await readEpoch(dataFolder));
    const reach = Math.max(outside.foundLeaves, outside.size);
    return signed.find(({ kept }) => reach > kept.storeSize)?.epoch ?? null;
  }

  #exclusive<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      if (this.#alarm !== null) throw this.#alarm;
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof AuditAlarm)) throw error;
        this.#alarm = await this.#located(error);
        throw this.#alarm;
      }
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** The same alarm with the first entry that differs from the copy outside, where that is found. */
  async #located(alarm: AuditAlarm): Promise<AuditAlarm> {
    if (this.#outside === null) return alarm;
    const index = await firstDifference(this.#options.db, this.#outside, this.#outside.size).catch(
      () => null,
    );
    return index === null || index >= alarm.badIndex
      ? alarm
      : new AuditAlarm(index, alarm.message, alarm.behind);
  }

  #tell(error: unknown): void {
    const message = messageOf(error);
    if (message === this.#problem && monotonicMs() - this.#toldAtMs < REMIND_MS) return;
    this.#problem = message;
    this.#toldAtMs = monotonicMs();
    const facts = error instanceof AuditAlarm ? { badIndex: error.badIndex } : { err: error };
    const what =
      error instanceof AuditAlarm ? 'ALARM: the audit log has stopped' : 'The audit log cannot go on yet';
    this.#options.log.error(facts, `${what}: ${message}`);
  }
}

interface TreeState {
  size: number;
  chain: Buffer;
}

interface Batch {
  count: number;
  state: TreeState;
}

/** Numbers up to BATCH_SIZE committed entries. `known` is the newest state that this process has seen. */
async function sequenceBatch(db: Db, known: TreeState): Promise<Batch | 'nothing' | 'locked'> {
  const { rows } = await sql`select 1 from audit_entries where index is null limit 1`.execute(db);
  if (rows.length === 0) return 'nothing';
  return db.transaction().execute((trx) => sequenceLocked(trx, known));
}

async function sequenceLocked(trx: Trx, known: TreeState): Promise<Batch | 'nothing' | 'locked'> {
  const locked = await sql<{ size: number; frontier: Buffer[]; chain: Buffer }>`
    select size, frontier, chain from audit_tree for update skip locked`.execute(trx);
  const tree = locked.rows[0];
  if (tree === undefined) return 'locked';
  mustContinue(tree, known);
  const entries = await sql<{ seq: number; leaf: string }>`
    select seq, leaf from audit_entries where index is null order by seq limit ${BATCH_SIZE}`.execute(trx);
  if (entries.rows.length === 0) return 'nothing';

  const range = storedRange(tree.size, tree.frontier);
  const hashes = Buffer.alloc(entries.rows.length * HASH_BYTES);
  const chains = Buffer.alloc(hashes.length);
  let chain = tree.chain;
  for (const [at, entry] of entries.rows.entries()) {
    const hash = leafHash(entry.leaf);
    chain = chainHash(chain, hash);
    range.append(hash);
    hash.copy(hashes, at * HASH_BYTES);
    chain.copy(chains, at * HASH_BYTES);
  }
  // The hashes travel as two byte strings and are cut up over there: far less to write and parse than arrays.
  const placed = await sql`
    update audit_entries e
    set index = ${tree.size}::bigint + u.n - 1,
        leaf_hash = substring(${hashes}::bytea from ((u.n - 1) * ${HASH_BYTES} + 1)::integer for ${HASH_BYTES}),
        chain = substring(${chains}::bytea from ((u.n - 1) * ${HASH_BYTES} + 1)::integer for ${HASH_BYTES})
    from unnest(${entries.rows.map((entry) => entry.seq)}::bigint[]) with ordinality as u(seq, n)
    where e.seq = u.seq and e.index is null`.execute(trx);
  if (Number(placed.numAffectedRows) !== entries.rows.length) {
    throw new Error(`${placed.numAffectedRows} of ${entries.rows.length} audit entries could be numbered.`);
  }
  await trx
    .updateTable('audit_tree')
    .set({ size: range.size, frontier: [...range.nodes], chain })
    .execute();
  return { count: entries.rows.length, state: { size: range.size, chain } };
}

/** The stored state is what this process saw last, or what another replica made of it. */
function mustContinue(tree: TreeState, known: TreeState): void {
  if (tree.size < known.size) {
    throw new AuditAlarm(
      tree.size,
      `The log in the database went back from ${known.size} to ${tree.size} entries.`,
      true,
    );
  }
  if (tree.size === known.size && !tree.chain.equals(known.chain)) {
    throw new AuditAlarm(
      Math.max(tree.size - 1, 0),
      `The log in the database was changed at ${tree.size} entries.`,
    );
  }
}
