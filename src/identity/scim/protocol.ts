// What scimmy does for us: the schemas, what they make of a body, PATCH on a user, filters, and the documents about
// this server. Storing is ours, so that it is in the transaction of the audit entry.

import scimmy from 'scimmy';
import {
  ENTERPRISE_SCHEMA,
  LARGEST_SCIM_PAGE,
  PATCH_SCHEMA,
  type ScimOperation,
  type ScimPatch,
  type ScimResource,
} from '../../api/scim.ts';
import { notFound } from '../../base/errors.ts';
import { type ScimType, scimRefusal } from './refusal.ts';

export const SCIM_PATH = '/scim/v2';

const { Config, Messages, Resources, Schemas, Types } = scimmy;

/** Nobody needs these here, and a password must not even be read. */
const LEFT_OUT = ['password', 'ims', 'photos', 'entitlements', 'roles', 'x509Certificates'];
const TRUE_OR_FALSE = new Set(['active', 'primary']);

Schemas.User.definition.extend(Schemas.EnterpriseUser.definition, false);
for (const name of LEFT_OUT) Schemas.User.definition.truncate(name);
// A member's name is its own: a group neither takes nor tells another one.
Schemas.Group.definition.truncate('members.display');
Resources.declare(Resources.User);
Resources.declare(Resources.Group);
for (const one of [
  Resources.User,
  Resources.Group,
  Resources.Schema,
  Resources.ResourceType,
  Resources.ServiceProviderConfig,
])
  one.basepath(SCIM_PATH);
Config.set({
  patch: true,
  filter: { supported: true, maxResults: LARGEST_SCIM_PAGE },
  etag: true,
  bulk: false,
  changePassword: false,
  sort: false,
});
Config.set('authenticationSchemes', [
  {
    type: 'oauthbearertoken',
    name: 'Bearer token',
    description: 'A token of a service with the scope scim: sally principal tokens add.',
  },
]);

const DOCUMENTS = {
  ServiceProviderConfig: () => new Resources.ServiceProviderConfig().read(),
  Schemas: (id?: string) => (id === undefined ? new Resources.Schema() : new Resources.Schema(id)).read(),
  ResourceTypes: (id?: string) =>
    (id === undefined ? new Resources.ResourceType() : new Resources.ResourceType(id)).read(),
};

/** A document about this server. Errors: `unknown-scim-document`. */
export async function describeServer(what: keyof typeof DOCUMENTS, id?: string): Promise<ScimResource> {
  try {
    return plain(await DOCUMENTS[what](id));
  } catch (error) {
    if (id === undefined) throw error;
    throw notFound('scim-document', id);
  }
}

/** A user's attributes as the schema has them; what it does not know is left out. Errors: `invalidValue` … */
export function userFrom(raw: ScimResource): ScimResource {
  return understood(() => plain(new Schemas.User(withBooleans(raw), 'in')));
}

/** `user` after the operations, all or none. Errors: `invalidPath`, `noTarget`, `mutability`, `invalidValue`. */
export async function patchUser(user: ScimResource, patch: ScimPatch): Promise<ScimResource> {
  let now = user;
  for (const operation of patch.Operations.flatMap(withPath)) now = await patchOnce(now, operation);
  return now;
}

async function patchOnce(user: ScimResource, operation: ScimOperation): Promise<ScimResource> {
  const { op, path, value } = ontoExisting(user, operation);
  const message = new Messages.PatchOp({
    schemas: [PATCH_SCHEMA],
    Operations: [{ op, ...(path === undefined ? {} : { path }), ...(value === undefined ? {} : { value }) }],
  });
  try {
    const changed = await message.apply(new Schemas.User(user));
    return changed === undefined ? user : plain(changed);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** All that the extension has: what a remove of the whole of it removes. */
const NOBODYS_ATTRIBUTES = Object.fromEntries(
  ['employeeNumber', 'costCenter', 'organization', 'division', 'department', 'manager'].map((name) => [
    name,
    undefined,
  ]),
);

// Entra and Okta put several attributes into one operation without a path. A replace of each by its own path replaces
// lists; scimmy would add to them.
function withPath(operation: ScimOperation): ScimOperation[] {
  const { op, path, value } = operation;
  if (path === ENTERPRISE_SCHEMA) return withPath({ op, value: { [path]: value ?? NOBODYS_ATTRIBUTES } });
  if (path !== undefined || !isRecord(value)) return [{ ...operation, value: booleanFor(path, value) }];
  return Object.entries(value)
    .filter(([key]) => !['id', 'schemas', 'meta'].includes(key))
    .flatMap(([key, inner]) =>
      key === ENTERPRISE_SCHEMA && isRecord(inner)
        ? Object.entries(inner)
            .filter(([name]) => name !== 'schemas')
            .map(([name, deep]) => ({ op, path: `${key}:${name}`, value: deep }))
        : [{ op, path: key, value: booleanFor(key, inner) }],
    )
    .map((one) => ({ ...one, value: managerFor(one.path, one.value) }));
}

// `emails[type eq "work"].value` for a user who has no such e-mail yet makes one: so Entra means it.
function ontoExisting(user: ScimResource, operation: ScimOperation): ScimOperation {
  const match = /^(\w+)\[type eq "([^"\]]{1,50})"\]\.(\w+)$/i.exec(operation.path ?? '');
  const { op, value } = operation;
  const [, list = '', type = '', part = ''] = match ?? [];
  if (match === null || op === 'remove') return { ...operation, value: managerFor(operation.path, value) };
  const there = user[list];
  const has = Array.isArray(there) && there.some((one) => isRecord(one) && one.type === type);
  return has ? operation : { op: 'add', path: list, value: [{ type, [part]: booleanFor(part, value) }] };
}

/** Entra writes the manager as a bare id. */
function managerFor(path: string | undefined, value: unknown): unknown {
  return path === `${ENTERPRISE_SCHEMA}:manager` && typeof value === 'string' ? { value } : value;
}

/** Entra writes "True" and "False". */
function booleanFor(path: string | undefined, value: unknown): unknown {
  const name = path?.split(/[.:]/).at(-1)?.toLowerCase() ?? '';
  if (!TRUE_OR_FALSE.has(name) || typeof value !== 'string') return value;
  const text = value.toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : value;
}

function withBooleans(raw: ScimResource): ScimResource {
  const deep = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(deep)
      : isRecord(value)
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, booleanFor(key, deep(one))]))
        : value;
  return plain(deep(raw));
}

/** Which of `resources` a filter holds for. Errors: `invalidFilter`. */
export function matching(resources: ScimResource[], filter: string): ScimResource[] {
  return understood(() => {
    const parsed = new Types.Filter(filter);
    if (/\b(and|or|not)\s*$/i.test(filter) || !isWhole(plainList(parsed)))
      throw new TypeError('The filter ends before it says what it compares with.');
    return parsed.match(resources).map(plain);
  }, 'invalidFilter');
}

const COMPARISONS = new Set(['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le']);

// scimmy takes `userName eq` for a filter. What it makes of one: objects by attribute, and in them comparisons as
// lists, `["eq", "x"]`, `["pr"]`, `["not", …]`, or several of those.
function isWhole(parsed: unknown): boolean {
  if (!Array.isArray(parsed)) return isRecord(parsed) && Object.values(parsed).every(isWhole);
  if (parsed.every((one) => Array.isArray(one) || isRecord(one)))
    return parsed.length > 0 && parsed.every(isWhole);
  const [operator, ...values] = parsed[0] === 'not' ? parsed.slice(1) : parsed;
  if (operator === 'pr') return values.length === 0;
  return typeof operator === 'string' && COMPARISONS.has(operator.toLowerCase()) && values.length === 1;
}

function understood<T>(act: () => T, type?: ScimType): T {
  try {
    return act();
  } catch (error) {
    throw type === undefined ? refusalOf(error) : scimRefusal(type, 'This filter is not understood.', error);
  }
}

const TYPES: readonly ScimType[] = [
  'invalidFilter',
  'invalidSyntax',
  'invalidPath',
  'noTarget',
  'mutability',
];

function refusalOf(error: unknown): unknown {
  if (error instanceof Types.Error) {
    const type = TYPES.find((one) => one === error.scimType) ?? 'invalidValue';
    return scimRefusal(type, error.message.slice(0, 500), error);
  }
  return error instanceof TypeError ? scimRefusal('invalidValue', error.message.slice(0, 500), error) : error;
}

export function isRecord(value: unknown): value is ScimResource {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function plainList(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Without the getters and classes of the library. */
function plain(value: unknown): ScimResource {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (!isRecord(copy)) throw new TypeError('A SCIM resource is an object.');
  return copy;
}
