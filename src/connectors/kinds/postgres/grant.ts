// Makes the login of one grant: in the ordinary case one round trip and one commit. Called again after a crash it
// finds what it made and makes it whole; a role of that name that is not ours it leaves alone.

import { randomBytes } from 'node:crypto';
import { codeOf, conflict } from '../../../base/errors.ts';
import { scramKeys, verifierText } from '../../../base/scram.ts';
import type { GrantPlan, Handle, Observation } from '../../contract.ts';
import { type PostgresClient, type Row, withConnection, withDatabase } from './client.ts';
import { type Entitlement, schemasOf } from './entitlement.ts';
import { readHandle, readMark, requireLogin, writeMark } from './names.ts';
import { nodesOf } from './nodes.ts';
import { snapshotOwner } from './owner-rights.ts';
import { number, textOrNull } from './row.ts';
import { completeLogin, createLogin, type LoginPlan } from './statements.ts';
import { ensureTaskRole, forgetTaskRole, nameTaken, type TaskRole } from './task-role.ts';

const SALT_BYTES = 16;
/**
 * Iterations slow down the guessing of passwords that people chose. Ours are 256 random bits, which nobody guesses,
 * and at PostgreSQL's 4,096 the server spends three quarters of a grant on them (CREATE ROLE tries the empty password).
 */
const ITERATIONS = 64;
/** The task's role may be changed or dropped under us by another replica or by hand. */
const MOST_TRIES = 3;

/** `Connector.grant`. Errors: `target-name-taken`, `target-right-missing`, `target-object-missing`, `target-down`, … */
export async function grant(
  client: PostgresClient,
  plan: GrantPlan<Entitlement>,
  signal: AbortSignal,
): Promise<Observation> {
  const verifier = verifierText(await scramKeys(plan.password.reveal(), randomBytes(SALT_BYTES), ITERATIONS));
  const before = await ownerBefore(client, plan, signal);
  let role = await ensureTaskRole(client, plan, signal);
  for (let tried = 1; ; tried++) {
    const made = await makeLogin(
      client,
      loginPlan(client, plan, role, verifier),
      plan.grantId,
      tried >= MOST_TRIES,
      signal,
    );
    if (made !== 'again' && made.groupMark === role.mark)
      return {
        observed: 'present',
        handle: completedHandle(plan, role, made, before),
        ...nodesOf(client, { observed: 'present', error: null }),
      };
    // A login whose task role is not as it should be is made whole before anyone gets its secret.
    forgetTaskRole(client, role);
    if (tried >= MOST_TRIES)
      throw conflict('target-task-role-changed', `The role "${role.name}" of this task keeps changing.`);
    role = await ensureTaskRole(client, plan, signal);
  }
}

async function makeLogin(
  client: PostgresClient,
  login: LoginPlan,
  grantId: string,
  last: boolean,
  signal: AbortSignal,
): Promise<'again' | Made> {
  const made = await withConnection(client, signal, async (connection) => {
    try {
      return readMade(await connection.rows(createLogin(login)), connection.cluster);
    } catch (error) {
      const code = codeOf(error);
      if (code === UNDEFINED_OBJECT && !last) return 'again';
      if (code !== DUPLICATE_OBJECT && code !== UNIQUE_VIOLATION) throw error;
      return 'there';
    }
  });
  if (made !== 'there') return made;
  return withConnection(client, signal, async (connection) => {
    const found = await connection.rows(
      `SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
      [login.login],
    );
    const mark = found[0] === undefined ? null : readMark(textOrNull(found[0], 'comment'));
    const own = client.access.mark;
    const ours = mark?.installation === own.installation && mark.grant === grantId && mark.epoch <= own.epoch;
    if (!ours) throw nameTaken(login.login);
    return readMade(await connection.rows(completeLogin(login)), connection.cluster);
  });
}

const UNDEFINED_OBJECT = '42704';
const DUPLICATE_OBJECT = '42710';
const UNIQUE_VIOLATION = '23505';

interface Made {
  oid: number;
  groupMark: string | null;
  cluster: string | null;
}

function readMade(rows: Row[], cluster: string | null): 'again' | Made {
  const [row] = rows;
  return row === undefined
    ? 'again'
    : { oid: number(row, 'oid'), groupMark: textOrNull(row, 'group_mark'), cluster };
}

function loginPlan(
  client: PostgresClient,
  plan: GrantPlan<Entitlement>,
  role: TaskRole,
  verifier: string,
): LoginPlan {
  const { entitlement } = plan;
  const schemas = schemasOf(entitlement);
  return {
    login: requireLogin(plan.login),
    verifier,
    nativeExpirySeconds: plan.nativeExpirySeconds,
    mark: writeMark(client.access.mark, { grant: plan.grantId, label: plan.label }),
    group: role.name,
    owner: entitlement.actAs ?? null,
    readOnly: entitlement.readOnly,
    statementTimeoutSeconds: entitlement.statementTimeoutSeconds ?? null,
    searchPath: schemas.every((schema) => schema === 'public') ? null : schemas,
    version: role.version,
  };
}

/** `undefined` when the task acts as nobody; what an earlier call saw stands, the grant may have been used since. */
async function ownerBefore(
  client: PostgresClient,
  plan: GrantPlan<Entitlement>,
  signal: AbortSignal,
): Promise<string[] | null | undefined> {
  const { actAs } = plan.entitlement;
  if (actAs === undefined) return undefined;
  const earlier = readHandle({ ...plan.handle, login: plan.login }).before;
  if (earlier !== undefined) return earlier;
  const database = plan.entitlement.database ?? client.access.settings.database;
  return withDatabase(client, database, signal, (connection) => snapshotOwner(connection, actAs));
}

function completedHandle(
  plan: GrantPlan<Entitlement>,
  role: TaskRole,
  { oid, cluster }: Made,
  before: string[] | null | undefined,
): Handle {
  const handle: Handle = {
    ...plan.handle,
    login: plan.login,
    grantId: plan.grantId,
    oid,
    group: role.name,
    database: role.database,
  };
  if (cluster !== null) handle.cluster = cluster;
  if (plan.entitlement.actAs !== undefined) handle.owner = plan.entitlement.actAs;
  if (before !== undefined) handle.before = before;
  return handle;
}
