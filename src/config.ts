// The only reader of process.env: raw values in, one validated Config out. An error names the variable or key,
// the value's fault and what would be accepted.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { Failure } from './base/errors.ts';
import { LOOPBACK_HOSTS, type OidcConfig, oidcFrom, oidcSchema, origin } from './config/oidc.ts';
import { type RecordingsConfig, recordingsFrom, recordingsSchema } from './config/recordings.ts';
import {
  masterKeyFileFrom,
  type ReplicaConfig,
  replicaFrom,
  replicaKeys,
  replicaVariables,
} from './config/replica.ts';
import {
  addressRange,
  type WorkloadIdentityConfig,
  workloadIdentitySchema,
} from './config/workload-identity.ts';

export interface Config {
  /** `demo` unless a configuration file says that this is somebody's installation. */
  mode: 'demo' | 'own';
  /** Where the configuration came from; null in the demo and when only the environment speaks. */
  file: string | null;
  dataFolder: string;
  http: {
    host: string;
    port: number;
    /** Networks (10.0.0.0/8) of proxies whose X-Forwarded-For is believed. */
    trustedProxies: string[];
  };
  postgresGateway: {
    host: string;
    port: number;
    /** Where clients find it: a name or balancer in front of several. null: `host` and `port`. */
    publicAddress: { host: string; port: number } | null;
    /** PEM files, the same for every replica. null: made in the data folder. */
    tls: { certificate: string; key: string } | null;
  };
  sshGateway: {
    host: string;
    port: number;
    publicAddress: { host: string; port: number } | null;
    /** A private key, the same for every replica. null: made in the data folder. */
    hostKey: string | null;
  };
  replica: ReplicaConfig;
  /** null: `keys/master.key` in the data folder. */
  masterKeyFile: string | null;
  /** null: the embedded PostgreSQL under `dataFolder`. */
  databaseUrl: string | null;
  /** The portal's address as people's browsers know it, an origin; null: this machine, by the name localhost. */
  publicUrl: string | null;
  signIn: { oidc: OidcConfig | null; firstPasskey: 'sign-in' | 'link' };
  installationName: string;
  firstAdministrator: { name: string; displayName: string; tokenHash: string } | null;
  /** Whose tokens jobs may exchange for one of ours. */
  workloadIdentity: WorkloadIdentityConfig;
  recordings: RecordingsConfig;
  logLevel: string;
}

const DEFAULT_HTTP_PORT = 7070;
const DEFAULT_PG_PORT = 7071;
const DEFAULT_SSH_PORT = 7072;
const LOOPBACK = '127.0.0.1';

const port = z.coerce.number().int().min(0).max(65_535);
const listener = z.object({ host: z.string().min(1).default(LOOPBACK), port: port.optional() }).strict();

const publicAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'Write it like db.example.com:7071.')
  .transform((text) => {
    const at = text.lastIndexOf(':');
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
  });

const MOST_TRUSTED_PROXIES = 50;
const proxyRange = addressRange.refine(
  (text) => !text.endsWith('/0'),
  'Everybody is no proxy: then anyone could write the address that they want to have.',
);

const fileSchema = z
  .object({
    installation: z
      .object({ name: z.string().min(1).max(100) })
      .strict()
      .optional(),
    http: listener
      .extend({
        tlsInFront: z.boolean().default(false),
        trustedProxies: z.array(proxyRange).max(MOST_TRUSTED_PROXIES).default([]),
        publicUrl: origin.optional(),
      })
      .optional(),
    postgresGateway: listener
      .extend({
        publicAddress: publicAddress.optional(),
        tls: z
          .object({ certificate: z.string().min(1), key: z.string().min(1) })
          .strict()
          .optional(),
      })
      .optional(),
    sshGateway: listener
      .extend({ publicAddress: publicAddress.optional(), hostKey: z.string().min(1).optional() })
      .optional(),
    ...replicaKeys,
    data: z.string().min(1).optional(),
    database: z
      .string()
      .regex(
        /^(embedded|env:[A-Z_][A-Z0-9_]*)$/,
        'Write "embedded", or "env:NAME" for a variable that holds the URL.',
      )
      .optional(),
    signIn: z
      .object({ oidc: oidcSchema.optional(), firstPasskey: z.enum(['sign-in', 'link']).default('sign-in') })
      .strict()
      .optional(),
    firstAdministrator: z
      .object({
        name: z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,99}$/),
        displayName: z.string().min(1).max(100),
        tokenHash: z
          .string()
          .regex(/^[0-9a-f]{64}$/, 'The SHA-256 of the token, in hex; `sally init` writes it.'),
      })
      .strict()
      .optional(),
    workloadIdentity: workloadIdentitySchema.optional(),
    recordings: recordingsSchema.optional(),
  })
  .strict();

const environmentSchema = z.object({
  SALLY_HTTP_PORT: port.optional(),
  SALLY_PG_PORT: port.optional(),
  SALLY_SSH_PORT: port.optional(),
  SALLY_DATA: z.string().min(1).optional(),
  SALLY_CONFIG: z.string().min(1).optional(),
  ...replicaVariables,
  SALLY_LOG: z.enum(['silent', 'error', 'warn', 'info', 'debug']).optional(),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'It must start with postgres://')
    .optional(),
});

/** `folder` is where relative paths start (the working directory). Errors: Failure `config-invalid`. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env, folder: string = process.cwd()): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const variables = check(environmentSchema, given, 'The environment variable');
  const file = configFile(variables.SALLY_CONFIG, folder);
  const own = file === null ? {} : readConfigFile(file);
  const databaseUrl = variables.DATABASE_URL ?? namedDatabase(own.database, given);
  const httpHost = own.http?.host ?? LOOPBACK;
  if (!LOOPBACK_HOSTS.has(httpHost) && own.http?.tlsInFront !== true) {
    throw configError(
      'http.host',
      `is ${httpHost}: beyond this machine, tokens must not travel in clear. Put a proxy with TLS in front and write http.tlsInFront: true, or listen on ${LOOPBACK}.`,
    );
  }
  return {
    mode: file === null ? 'demo' : 'own',
    file,
    dataFolder: resolve(folder, variables.SALLY_DATA ?? own.data ?? '.sallyport'),
    http: {
      host: httpHost,
      port: variables.SALLY_HTTP_PORT ?? own.http?.port ?? DEFAULT_HTTP_PORT,
      trustedProxies: own.http?.trustedProxies ?? [],
    },
    postgresGateway: {
      host: own.postgresGateway?.host ?? LOOPBACK,
      port: variables.SALLY_PG_PORT ?? own.postgresGateway?.port ?? DEFAULT_PG_PORT,
      publicAddress: own.postgresGateway?.publicAddress ?? null,
      tls: certificateFrom(own.postgresGateway?.tls, folder),
    },
    sshGateway: {
      host: own.sshGateway?.host ?? LOOPBACK,
      port: variables.SALLY_SSH_PORT ?? own.sshGateway?.port ?? DEFAULT_SSH_PORT,
      publicAddress: own.sshGateway?.publicAddress ?? null,
      hostKey: own.sshGateway?.hostKey === undefined ? null : resolve(folder, own.sshGateway.hostKey),
    },
    replica: replicaFrom(variables, own),
    masterKeyFile: masterKeyFileFrom(variables, own, folder),
    databaseUrl,
    publicUrl: own.http?.publicUrl === undefined ? null : new URL(own.http.publicUrl).origin,
    signIn: {
      oidc: own.signIn?.oidc === undefined ? null : oidcFrom(own.signIn.oidc, given, folder),
      firstPasskey: own.signIn?.firstPasskey ?? 'sign-in',
    },
    installationName: own.installation?.name ?? 'sallyport',
    firstAdministrator: own.firstAdministrator ?? null,
    workloadIdentity: own.workloadIdentity ?? { issuers: [] },
    recordings: recordingsFrom(own.recordings, { env: given, folder }),
    logLevel: variables.SALLY_LOG ?? 'warn',
  };
}

function certificateFrom(
  tls: { certificate: string; key: string } | undefined,
  folder: string,
): Config['postgresGateway']['tls'] {
  if (tls === undefined) return null;
  return { certificate: resolve(folder, tls.certificate), key: resolve(folder, tls.key) };
}

function configFile(named: string | undefined, folder: string): string | null {
  if (named !== undefined) {
    const path = resolve(folder, named);
    if (!existsSync(path)) throw configError('SALLY_CONFIG', `names ${path}, which does not exist.`);
    return path;
  }
  const usual = resolve(folder, 'sallyport.yaml');
  return existsSync(usual) ? usual : null;
}

function readConfigFile(path: string): z.infer<typeof fileSchema> {
  let raw: unknown;
  try {
    raw = parseYaml(readFileSync(path, 'utf8')) ?? {};
  } catch (cause) {
    throw configError(
      path,
      `cannot be read as YAML: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  return check(fileSchema, raw, `In ${path}, the key`);
}

// As everywhere, a variable of the environment stands above the file.
function namedDatabase(named: string | undefined, env: Record<string, string | undefined>): string | null {
  if (named === undefined || named === 'embedded') return null;
  const variable = named.slice('env:'.length);
  const url = env[variable];
  if (url === undefined) throw configError('database', `reads the variable ${variable}, which is not set.`);
  return url;
}

function check<S extends z.ZodType>(schema: S, raw: unknown, where: string): z.infer<S> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const key = issue?.path.join('.') ?? '';
  throw new Failure(
    'invalid',
    'config-invalid',
    `${where} ${key === '' ? '(top level)' : key}: ${issue?.message}`,
    {
      field: key,
    },
  );
}

function configError(field: string, what: string): Failure {
  return new Failure('invalid', 'config-invalid', `${field} ${what}`, { field });
}
