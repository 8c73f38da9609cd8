// Who stands in for whom.

import { queryOptions } from '@tanstack/react-query';
import { z } from 'zod';
import { type DelegateBody, type Delegation, delegation } from '../../src/api/duty.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

export const delegationsQuery = queryOptions({
  queryKey: ['delegations'],
  queryFn: ({ signal }) => get(z.object({ items: z.array(delegation) }), apiPath.delegations(), signal),
});

export const delegate = (body: DelegateBody): Promise<Delegation> =>
  post(delegation, apiPath.delegations(), body);
export const endDelegation = (id: string): Promise<Delegation> => post(delegation, apiPath.endDelegation(id));
