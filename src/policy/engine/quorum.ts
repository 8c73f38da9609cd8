// Whether enough people said yes. It counts distinct people, never groups or accounts: two accounts of one person
// are one, a person in two groups fills one place in one stage, and whoever stands behind the request never counts.

import type { ApprovalStage } from './facts.ts';

/** An account that could matter: every approver, the requester, and whoever else could still approve. */
export interface QuorumAccount {
  id: string;
  kind: 'person' | 'service' | 'agent';
  name: string;
  groups: readonly string[];
  /** Groups that they are on call for: when they approved, or now for who has not. */
  onCallFor: readonly string[];
  /** Accounts that answer for it, through sponsors of sponsors. */
  sponsors: readonly string[];
  /** The account whose person this account is of, too. */
  samePersonAs: string | null;
  disabled: boolean;
}

export interface QuorumFacts {
  requesterId: string;
  /** The account of the requester's manager, or null. */
  managerId: string | null;
  accounts: readonly QuorumAccount[];
  /** Who may approve for whom now. */
  standIns?: readonly StandInPair[];
}

export interface StandInPair {
  accountId: string;
  /** Who is away. */
  forId: string;
}

/** One yes, and when it was given (ms since 1970, of the store's clock). */
export interface Given {
  accountId: string;
  atMs: number;
  /** For whom, where somebody stood in: it fills the places of whoever was away. */
  forId?: string | undefined;
  /** Accounts through whose hands the approver's way to sign in went: all of them are one person with the approver. */
  handedBy?: readonly string[] | undefined;
}

export interface StageState extends ApprovalStage {
  /** One stage is open, or none when all are met; what comes after it waits. */
  state: 'met' | 'open' | 'waiting';
  /** Places of this stage that are filled; none while it waits. */
  given: number;
  /** Ids of accounts that could fill one now, or could if it were open; by name; empty once the stage is met. */
  candidates: string[];
  /** Whose yes for somebody who is away would fill one now; none but for the open stage. */
  standIns: StandInPair[];
  /** Null while it waits. */
  openedAtMs: number | null;
  /** When those who come in later do; null without such, and while it waits. */
  widensAtMs: number | null;
}

export interface Quorum {
  met: boolean;
  stages: StageState[];
}

/**
 * Each person fills at most one place in all stages together, so "1 of dba; 1 of manager" takes two people even where
 * the manager is in dba. The places of the stages up to the open one are filled as well as they can be (a maximum
 * matching), so nobody's yes is lost because they gave it early; stages after the open one count nothing yet. Accounts
 * that `facts` do not hold never count. No stages are never met: nobody has agreed to anything. The first stage opened
 * at `since.openedMs`; `since.nowMs` is the moment for who could approve now.
 */
export function quorum(
  stages: readonly ApprovalStage[],
  given: readonly Given[],
  facts: QuorumFacts,
  since: { openedMs: number; nowMs: number },
): Quorum {
  const count = new Count(stages, facts, since.openedMs);
  const inOrder = [...given].sort((a, b) => a.atMs - b.atMs);
  const opened = count.openings(inOrder);
  const open = opened.length - 1;
  const filled = count.filled(inOrder, open, opened);
  const helps = (voices: readonly Voice[]) =>
    open < stages.length ? count.whichHelp(voices, inOrder, open, opened, since.nowMs) : [];
  const couldNow = helps(count.unspoken(inOrder).map(({ id }) => ({ accountId: id }))).map(
    (one) => one.accountId,
  );
  const standIns = helps(facts.standIns ?? []).flatMap(({ accountId, forId }) =>
    forId === undefined ? [] : { accountId, forId },
  );
  const states = stages.map((stage, index): StageState => {
    const openedAtMs = opened[index] ?? null;
    const waits = index > open;
    return {
      ...stage,
      state: index < open ? 'met' : waits ? 'waiting' : 'open',
      given: waits ? 0 : filled.filter((place) => place === index).length,
      candidates: index < open ? [] : waits ? count.whoFits(inOrder, index) : couldNow,
      standIns: index === open ? standIns : [],
      openedAtMs,
      widensAtMs:
        stage.also === undefined || openedAtMs === null ? null : openedAtMs + stage.also.afterSeconds * 1000,
    };
  });
  return { met: stages.length > 0 && open === stages.length, stages: states };
}

/** The approvals of one request, counted against its stages. */
class Count {
  readonly #stages: readonly ApprovalStage[];
  readonly #facts: QuorumFacts;
  readonly #people: People;
  readonly #openedMs: number;

  constructor(stages: readonly ApprovalStage[], facts: QuorumFacts, openedMs: number) {
    this.#stages = stages;
    this.#facts = facts;
    this.#people = new People(facts);
    this.#openedMs = openedMs;
  }

  /** When each stage opened; as many as have, and one more when all are met. */
  openings(inOrder: readonly Given[]): number[] {
    const opened = [this.#openedMs];
    for (let last = 0; last < this.#stages.length; last++) {
      const wanted = this.#places(last).length;
      let taken = 0;
      while (taken <= inOrder.length && this.filled(inOrder.slice(0, taken), last, opened).length < wanted)
        taken++;
      if (taken > inOrder.length) break;
      opened.push(Math.max(opened[last] ?? 0, inOrder[taken - 1]?.atMs ?? 0));
    }
    return opened;
  }

  /** The stage of each place that these fill, of the stages up to `last`. */
  filled(given: readonly Given[], last: number, opened: readonly number[]): number[] {
    const places = this.#places(last);
    const givers = this.#byPerson(given);
    const full = matching(places.length, givers.length, (place, giver) =>
      (givers[giver] ?? []).some(({ account, atMs }) =>
        this.#fits(account, places[place] ?? -1, atMs, opened),
      ),
    );
    return places.filter((_, place) => full[place]);
  }

  /** Which of these would fill one more place with a yes at `nowMs`; whoever has spoken already would not. */
  whichHelp<V extends Voice>(
    voices: readonly V[],
    given: readonly Given[],
    last: number,
    opened: readonly number[],
    nowMs: number,
  ): V[] {
    const before = this.filled(given, last, opened).length;
    return voices.filter(
      (voice) => this.filled([...given, { ...voice, atMs: nowMs }], last, opened).length > before,
    );
  }
  /** Who could fill a place of a stage that is not open yet, from its beginning. */
  whoFits(given: readonly Given[], index: number): string[] {
    return this.unspoken(given)
      .filter((account) => this.#isFrom(account, this.#stages[index]?.from ?? ''))
      .map(({ id }) => id);
  }

  #places(last: number): number[] {
    return this.#stages
      .slice(0, last + 1)
      .flatMap((stage, index) => Array.from({ length: stage.count }, () => index));
  }

  #fits(account: QuorumAccount, index: number, atMs: number, opened: readonly number[]): boolean {
    const stage = this.#stages[index];
    if (stage === undefined) return false;
    if (this.#isFrom(account, stage.from)) return true;
    const openedMs = opened[index];
    if (stage.also === undefined || openedMs === undefined) return false;
    return atMs >= openedMs + stage.also.afterSeconds * 1000 && this.#isFrom(account, stage.also.from);
  }

  #isFrom(account: QuorumAccount, source: string): boolean {
    const { managerId } = this.#facts;
    if (source === 'manager') {
      return managerId !== null && this.#people.of(account.id) === this.#people.of(managerId);
    }
    if (source.startsWith('onCall ')) {
      return account.onCallFor.some(
        (group) => source === `onCall Group::"${group}"` && account.groups.includes(group),
      );
    }
    return account.groups.some((group) => source === `Group::"${group}"`);
  }

  /** What may count, one list for all that one person said, by any account and for anybody. */
  #byPerson(given: readonly Given[]): Said[][] {
    let givers: { people: Set<string>; said: Said[] }[] = [];
    for (const { accountId, atMs, forId, handedBy = [] } of given) {
      const accounts = [accountId, ...(forId === undefined ? [] : [forId])].map((id) => this.#whoCounts(id));
      const account = accounts.at(-1);
      if (account === undefined || accounts.includes(undefined)) continue;
      if (handedBy.some((id) => this.#people.isRequester(id))) continue;
      const people = [
        ...accounts.flatMap((one) => (one === undefined ? [] : this.#people.of(one.id))),
        ...handedBy.map((id) => this.#people.of(id)),
      ];
      const same = givers.filter((giver) => people.some((person) => giver.people.has(person)));
      givers = givers.filter((giver) => !same.includes(giver));
      givers.push({
        people: new Set([...people, ...same.flatMap((giver) => [...giver.people])]),
        said: [...same.flatMap((giver) => giver.said), { account, atMs }],
      });
    }
    return givers.map((giver) => giver.said);
  }

  #whoCounts(accountId: string): QuorumAccount | undefined {
    const account = this.#facts.accounts.find((one) => one.id === accountId);
    return account === undefined || this.#people.whyNot(account) !== null ? undefined : account;
  }

  /** Who may count and has not spoken, by name. */
  unspoken(given: readonly Given[]): QuorumAccount[] {
    const spoken = new Set(
      given
        .flatMap((one) => [one.accountId, ...(one.forId === undefined ? [] : [one.forId])])
        .map((id) => this.#people.of(id)),
    );
    return this.#facts.accounts
      .filter((account) => this.#people.whyNot(account) === null && !spoken.has(this.#people.of(account.id)))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

type Voice = Omit<Given, 'atMs'>;
interface Said {
  /** Whose places it fills. */
  account: QuorumAccount;
  atMs: number;
}

/** Why an account can never count for this request, or null. */
export function whyNeverCounts(accountId: string, facts: QuorumFacts): string | null {
  const account = facts.accounts.find((one) => one.id === accountId);
  if (account === undefined) return 'This account is not known.';
  return new People(facts).whyNot(account);
}

/** The people behind accounts, and who of them stands behind the request. */
class People {
  readonly #personOf = new Map<string, string>();
  readonly #requester: string;
  readonly #sponsors = new Set<string>();
  readonly #sponsored = new Set<string>();

  constructor(facts: QuorumFacts) {
    for (const account of facts.accounts) this.#join(account.id, account.samePersonAs ?? account.id);
    this.#requester = this.of(facts.requesterId);
    for (const account of facts.accounts) {
      const person = this.of(account.id);
      for (const sponsor of account.sponsors.map((id) => this.of(id))) {
        if (person === this.#requester) this.#sponsors.add(sponsor);
        if (sponsor === this.#requester) this.#sponsored.add(person);
      }
    }
  }

  /** One name for all accounts of a person. */
  of(accountId: string): string {
    let at = accountId;
    for (
      let next = this.#personOf.get(at);
      next !== undefined && next !== at;
      next = this.#personOf.get(at)
    ) {
      at = next;
    }
    return at;
  }

  isRequester(accountId: string): boolean {
    return this.of(accountId) === this.#requester;
  }

  whyNot(account: QuorumAccount): string | null {
    const person = this.of(account.id);
    if (account.kind !== 'person') return 'Only people approve.';
    if (account.disabled) return 'This account is disabled.';
    if (person === this.#requester) return 'Nobody approves their own request, from no account of theirs.';
    if (this.#sponsors.has(person)) return 'A sponsor does not approve what those they sponsor ask for.';
    if (this.#sponsored.has(person)) return 'Whoever is sponsored does not approve for their sponsor.';
    return null;
  }

  #join(a: string, b: string): void {
    const [rootA, rootB] = [this.of(a), this.of(b)];
    if (rootA !== rootB) this.#personOf.set(rootA, rootB);
  }
}

/** Which places a largest matching fills (Kuhn's augmenting paths; both sides are small). */
function matching(places: number, givers: number, fit: (place: number, giver: number) => boolean): boolean[] {
  const placeOf = new Map<number, number>();
  const tryFill = (place: number, seen: Set<number>): boolean => {
    for (let giver = 0; giver < givers; giver++) {
      if (seen.has(giver) || !fit(place, giver)) continue;
      seen.add(giver);
      const taken = placeOf.get(giver);
      if (taken === undefined || tryFill(taken, seen)) {
        placeOf.set(giver, place);
        return true;
      }
    }
    return false;
  };
  for (let place = 0; place < places; place++) tryFill(place, new Set());
  const filled = new Set(placeOf.values());
  return Array.from({ length: places }, (_, place) => filled.has(place));
}
