// What a request asks for, in few words.

import type { Request } from '../../src/api/requests.ts';

/** `fix-orders on orders-db`, or how many of a bundle. */
export const askedText = ({ members, task, target }: Pick<Request, 'members' | 'task' | 'target'>): string =>
  members.length === 0 ? `${task.name} on ${target.name}` : `${members.length} tasks together`;
