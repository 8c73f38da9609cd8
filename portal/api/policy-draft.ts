// A draft of policies, checked by the server as it is written.

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { type CheckPolicyBody, checkedPolicy } from '../../src/api/policy-draft.ts';
import { post } from './client.ts';
import { apiPath } from './paths.ts';

export const draftQuery = (body: CheckPolicyBody | null) =>
  queryOptions({
    queryKey: ['preview', 'draft', body],
    queryFn: ({ signal }) => post(checkedPolicy, apiPath.checkPolicy(), body, signal),
    enabled: body !== null,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    retry: false,
  });
