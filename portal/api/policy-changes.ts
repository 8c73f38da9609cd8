// Changes of policy: proposals with their plans, signatures, and what was in force.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type ChangeAnswer, changeAnswer, proposal, publishedSet } from '../../src/api/policy-changes.ts';
import { proposalDetail } from '../../src/api/policy-plan.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const PAGE = 25;
/** Until the plan is there; the server's hints come too, when they come. */
const PLANNING_MS = 2_000;
const proposalPage = pageOf(proposal);
const setPage = pageOf(publishedSet);

export const proposalPages = () =>
  infiniteQueryOptions({
    queryKey: ['policy-changes', 'proposals'],
    queryFn: ({ pageParam, signal }) =>
      get(proposalPage, apiPath.policyProposals({ limit: PAGE, cursor: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

export const historyPages = () =>
  infiniteQueryOptions({
    queryKey: ['policy-changes', 'history'],
    queryFn: ({ pageParam, signal }) =>
      get(setPage, apiPath.policyHistory({ limit: PAGE, cursor: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

export const proposalQuery = (id: string) =>
  queryOptions({
    queryKey: ['policy-changes', 'one', id],
    queryFn: ({ signal }) => get(proposalDetail, apiPath.policyProposal(id), signal),
    refetchInterval: ({ state }) =>
      state.data?.state === 'open' && state.data.plan === null ? PLANNING_MS : false,
  });

/** The digest is that of what is on the page. */
export const signChange = (id: string, digest: string): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.signPolicy(id), { digest });
export const refuseChange = (id: string, reason: string): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.refusePolicy(id), { reason });
export const withdrawChange = (id: string): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.withdrawPolicy(id));
