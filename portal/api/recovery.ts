// Whether the store stands still; asked again now and then, since no event tells of it.

import { queryOptions } from '@tanstack/react-query';
import { recoveryAnswer } from '../../src/api/recovery.ts';
import { get } from './client.ts';
import { apiPath } from './paths.ts';

const ASK_AGAIN_MS = 15_000;

export const recoveryQuery = queryOptions({
  queryKey: ['recovery'],
  queryFn: ({ signal }) => get(recoveryAnswer, apiPath.recovery(), signal),
  refetchInterval: ASK_AGAIN_MS,
});
