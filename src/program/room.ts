// How many connections the gateways of this process may take in, by what the machine lets it open.

import type { Logger } from '../base/log.ts';
import { GATEWAY_LIMITS } from '../gateway/gateway.ts';
import { connectionsWithin, type GatewayConnections, openFileLimit } from '../gateway/open-files.ts';
import { SSH_GATEWAY_LIMITS } from '../gateway/ssh/ssh-gateway.ts';

/** Says so where it is less than the gateways are made for. */
export function roomForConnections(log: Logger): GatewayConnections {
  const wanted = { postgres: GATEWAY_LIMITS.connections, ssh: SSH_GATEWAY_LIMITS.connections };
  const openFiles = openFileLimit();
  const { connections, neededFiles } = connectionsWithin(openFiles, wanted);
  if (connections.postgres < wanted.postgres)
    log.warn(
      { openFiles, neededFiles, connections },
      `This process may open ${openFiles} files: the gateways take in ${connections.postgres} and ${connections.ssh} connections instead of ${wanted.postgres} and ${wanted.ssh}. Raise it (ulimit -n ${neededFiles}, or LimitNOFILE=${neededFiles} in its unit).`,
    );
  return connections;
}
