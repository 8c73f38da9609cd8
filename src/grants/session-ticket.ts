// What a session needs from grants: who may come in, with which keys, until when. The gateway knows only this
// contract, so it never sees SQL, a connector or the rules by which a grant lives.

import type { Socket } from 'node:net';
import type { Secret } from '../base/secret.ts';
import type { GuardTerms, HostTerms } from '../connectors/contract.ts';

/** One secret that a grant has issued, as a verifier. */
export interface LoginCandidate {
  credentialId: string;
  storedKey: Buffer;
  serverKey: Buffer;
}

/** How a login proves itself. An unknown login has a stable salt and no candidates, so nothing tells it apart. */
export interface LoginChallenge {
  salt: Buffer;
  iterations: number;
  candidates: LoginCandidate[];
}

/** Everything that one session may do, fixed when it opens. */
export interface SessionTicket {
  sessionId: string;
  grantId: string;
  principal: { id: string; name: string };
  target: string;
  targetId: string;
  task: string;
  database: string;
  /** What is left of the grant by the store's clock; the gateway makes a monotonic deadline of it. */
  remainingMs: number;
  /** The grant's own end (Unix ms), see LiveTime. */
  expiresAtMs: number;
  /** How long what runs at the deadline may go on. */
  landingMs: number;
  /** How long it goes on while the store cannot be reached, at most until its deadline. */
  storeGraceMs: number;
  /** What statements may do (gateway/postgres/guard/). */
  guard: GuardTerms;
  /** null: nothing is masked. */
  mask: TicketMask | null;
  /** Of a session on a host; null: it speaks the database's protocol. */
  host: HostTicket | null;
  /** What all sessions of the grant may read, by policy; null: nothing limits it. */
  budget: { rows: number | null; bytes: number | null } | null;
  /** Statements that wait for a yes of their own, by policy; null: none. */
  approveStatements: readonly string[] | null;
  /** What the recording keeps of constants in statements, and the key of their hashes; null: it keeps them. */
  literals: { mode: 'hash' | 'drop'; key: Secret } | null;
  /** Person and grant, for `application_name` on the target. */
  label: string;
  upstream: {
    user: string;
    password: Secret;
    database: string;
    tls: 'off' | 'prefer' | 'require';
    /** The target's name, for its certificate. */
    host: string;
    /** PEM; with it and `require` the target's certificate and name are verified. */
    ca?: string;
    dial(): Promise<Socket>;
  };
}

/** How a session gets into a host, and what it may do there. Dialled with `upstream.dial`. */
export interface HostTicket {
  /** Whom to log in as. */
  user: string;
  /** Pinned, `type base64`: who shows another key is not the host. */
  hostKeys: string[];
  /** In OpenSSH's form; made for this session, kept nowhere. */
  privateKey: Secret;
  /** One line, as in a `-cert.pub` file; good for two minutes, so it is used at once. */
  certificate: string;
  allows: Omit<HostTerms, 'user'>;
  /** `required`: no recording, no session. */
  record: 'on' | 'required';
}

/** What is masked in a session, by policy and by the labels of the target's columns. */
export interface TicketMask {
  /** Classes of data that policy names: of labelled columns, and of patterns (base/data-patterns.ts). */
  classes: string[];
  /** Of the target's labels that it was made of. */
  labelVersion: number;
  /** Base64 of 32 bytes that tokens are made with; of the target and nothing else. */
  key: Secret;
  /** Labelled columns of these classes, with those of tables that inherit them. */
  columns: { schema: string; table: string; oid: number; column: string; number: number }[];
  /** Views and materialized views that read one of their tables, however far away. */
  views: { schema: string; name: string }[];
  /** Every relation of the database, and every name of a column: what came later is not known, and not read. */
  relations: { schema: string; name: string }[];
  columnNames: string[];
}

export interface OpenInput {
  login: string;
  credentialId: string;
  /** Of a session on a host: empty. */
  database: string;
  clientAddress: string;
  application: string | null;
  gateway: string;
  /** Left out: the database's. A grant on a host lets in SSH only, and the other way round. */
  protocol?: 'ssh';
}

/** Is the grant still on, and for how long? */
export type LiveVerdict = LiveTime | 'over';

export interface LiveTime {
  /** Not above zero only while what ran at the deadline may go on. */
  remainingMs: number;
  /**
   * The grant's own end (Unix ms). A deadline moves later only when this value does, so a store clock that jumps
   * back extends nothing.
   */
  expiresAtMs: number;
}

/** A statement that may not run before somebody has agreed to exactly it. */
export interface AskedStatement {
  sessionId: string;
  text: string;
  /** As they can be shown; null for NULL. */
  parameters: (string | null)[];
  /** Of the text and all bytes of the values. */
  digest: string;
  /** What the target expects of it, in its own words; null: it was not asked, or did not say. */
  estimate: string | null;
}

export type StatementVerdict =
  | { verdict: 'approved' }
  | { verdict: 'denied'; by: string; reason: string }
  | { verdict: 'expired' };

/** Where statements wait. */
export interface StatementDesk {
  /** `link`: where it is decided; `who`: whose yes it needs, in words. Errors: Failure, the store's. */
  ask(asked: AskedStatement): Promise<{ id: string; link: string; who: string; waitMs: number }>;
  /** Resolves once; a yes is used up by it. Errors: the store's, and the signal's reason. */
  decided(id: string, digest: string, signal: AbortSignal): Promise<StatementVerdict>;
  /** Whoever waited does no more. Never rejects. */
  withdraw(id: string, why: string): Promise<void>;
}

export interface SessionAdmission {
  challenge(login: string): Promise<LoginChallenge>;
  /** Writes the session's row and its audit entry in one transaction. Errors: Failure (denied, expired …). */
  open(input: OpenInput): Promise<SessionTicket>;
  /** A proof did not fit, for the log. Errors: anything, when the store is away. */
  refused(input: { login: string; clientAddress: string }): Promise<void>;
  /** One query for all. Errors: anything, when the store is away. */
  liveVerdicts(grantIds: string[]): Promise<Map<string, LiveVerdict>>;
}
