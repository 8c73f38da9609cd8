// Whether enough people said yes. It counts distinct people, never groups or accounts: two accounts of one person
// are one, a person in two groups fills one place in one stage, and whoever stands behind the request never counts.

import type { ApprovalStage } from './facts.ts';

/** An account that could matter: every approver, the requester, and whoever else could still approve. */
export interface QuorumAccount {
  id: string;
  kind: 'person' | 'service' | 'agent';
  name: string;
  groups: readonly string[];
  sponsorId: string | null;
  /** The account whose person this account is of, too. */
  samePersonAs: string | null;
  disabled: boolean;
}

export interface QuorumFacts {
  requesterId: string;
  /** The account of the requester's manager, or null. */
  managerId: string | null;
  accounts: readonly QuorumAccount[];
}

export interface StageState extends ApprovalStage {
  /** Places of this stage that are filled. */
  given: number;
  /** Ids of accounts that could still fill one, by name; empty once the stage is full. */
  candidates: string[];
}

export interface Quorum {
  met: boolean;
  stages: StageState[];
}

/**
 * `approvedBy` are the ids of accounts that approved. Each person fills at most one place in all stages together,
 * so "1 of dba; 1 of manager" takes two people even where the manager is in dba; the places are filled as well as
 * they can be (a maximum matching), so the order of approvals makes no difference. Accounts that `facts` do not
 * hold never count. No stages are never met: nobody has agreed to anything.
 */
export function quorum(
  stages: readonly ApprovalStage[],
  approvedBy: readonly string[],
  facts: QuorumFacts,
): Quorum {
  const people = new People(facts);
  const approved = new Set(approvedBy);
  const givers = distinctPeople(people, facts, (account) => approved.has(account.id));
  const places = stages.flatMap((stage, index) =>
    Array.from({ length: stage.count }, () => ({ stage, index })),
  );
  const filled = matching(places.length, givers.length, (place, giver) => {
    const wanted = places[place];
    const accounts = givers[giver];
    return (
      wanted !== undefined &&
      (accounts?.some((account) => fits(account, wanted.stage, people, facts)) ?? false)
    );
  });
  const states = stages.map((stage, index): StageState => {
    const given = places.filter((place, at) => place.index === index && filled[at]).length;
    return {
      ...stage,
      given,
      candidates: given < stage.count ? candidatesOf(stage, people, approved, facts) : [],
    };
  });
  return { met: stages.length > 0 && filled.every(Boolean), stages: states };
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
      if (account.sponsorId === null) continue;
      const person = this.of(account.id);
      const sponsor = this.of(account.sponsorId);
      if (person === this.#requester) this.#sponsors.add(sponsor);
      if (sponsor === this.#requester) this.#sponsored.add(person);
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

function fits(account: QuorumAccount, stage: ApprovalStage, people: People, facts: QuorumFacts): boolean {
  if (stage.from === 'manager') {
    return facts.managerId !== null && people.of(account.id) === people.of(facts.managerId);
  }
  return account.groups.some((group) => stage.from === `Group::"${group}"`);
}

/** Accounts that may count, one list a person. */
function distinctPeople(
  people: People,
  facts: QuorumFacts,
  take: (account: QuorumAccount) => boolean,
): QuorumAccount[][] {
  const byPerson = new Map<string, QuorumAccount[]>();
  for (const account of facts.accounts) {
    if (!take(account) || people.whyNot(account) !== null) continue;
    const person = people.of(account.id);
    byPerson.set(person, [...(byPerson.get(person) ?? []), account]);
  }
  return [...byPerson.values()];
}

function candidatesOf(
  stage: ApprovalStage,
  people: People,
  approved: ReadonlySet<string>,
  facts: QuorumFacts,
): string[] {
  const spoken = new Set([...approved].map((id) => people.of(id)));
  return facts.accounts
    .filter((account) => people.whyNot(account) === null && !spoken.has(people.of(account.id)))
    .filter((account) => fits(account, stage, people, facts))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((account) => account.id);
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
