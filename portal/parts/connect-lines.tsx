// The command that opens a client through a live grant.

import type { Grant } from '../../src/api/grants.ts';
import { connectCommand } from '../words/commands.ts';
import { CopyLine } from './copy-line.tsx';

export function ConnectLines({ grant }: { grant: Grant }) {
  return (
    <CopyLine prompt="$" text={connectCommand(grant.target, grant.task)} label="Copy the connect command" />
  );
}
