// The text of sallyport.yaml: every key with a comment, so that the file explains itself to whoever opens it.

import { stringify } from 'yaml';

export interface Installation {
  installation: string;
  httpPort: number;
  pgPort: number;
  /** An absolute path. */
  data: string;
  /** `embedded` or `env:NAME`. */
  database: string;
  administrator: { name: string; displayName: string; tokenHash: string };
}

export function configText(values: Installation): string {
  const { name, displayName, tokenHash } = values.administrator;
  return `# Sallyport's configuration. With this file there is no demo. Environment variables of the same meaning
# (SALLY_HTTP_PORT, SALLY_PG_PORT, SALLY_DATA) win over it.

installation:
  # Marks what this installation makes on targets, and names it in the portal.
  name: ${scalar(values.installation)}

# Server and portal. Loopback only, until a proxy with TLS stands before it.
http:
  host: 127.0.0.1
  port: ${values.httpPort}
  # The portal's address in people's browsers: providers send people back to it, and passkeys belong to its name.
  # publicUrl: https://sally.example
  # tlsInFront: true

# The gateway that sessions on PostgreSQL go through.
postgresGateway:
  host: 127.0.0.1
  port: ${values.pgPort}

# The gateway that sessions on hosts go through.
sshGateway:
  host: 127.0.0.1
  port: 7072

# Keys, recordings, and the embedded database.
data: ${scalar(values.data)}

# "embedded" runs a PostgreSQL of its own (for trying out and small teams, not a place for data that must not be
# lost); "env:DATABASE_URL" reads the address of yours from that variable, so that no password stands here.
database: ${scalar(values.database)}

# An identity provider that people sign in at; every key is in docs/sign-in.md.
# signIn:
#   oidc:
#     name: Example ID
#     issuer: https://id.example
#     clientId: sallyport
#     clientSecret: env:SALLY_OIDC_SECRET

# Made at the first start, with a token of which only the hash is here. Later changes of it have no effect.
firstAdministrator:
  name: ${scalar(name)}
  displayName: ${scalar(displayName)}
  tokenHash: ${scalar(tokenHash)}
`;
}

/** As YAML needs it: quoted where a plain word would be read as something else. */
function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd();
}
