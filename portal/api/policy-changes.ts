// Changes of policy: proposals with their plans, signatures, and what was in force.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { z } from 'zod';
import {
  type ChangeAnswer,
  changeAnswer,
  proposal,
  type proposeBody,
  publishedSet,
} from '../../src/api/policy-changes.ts';
import { policyPack, proposalDetail } from '../../src/api/policy-plan.ts';
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

const policySet = z.object({ digest: z.string(), files: z.record(z.string(), z.string()) });
const packList = z.object({ items: z.array(policyPack) });

/** The whole set in force; a draft is proposed on top of it. */
export const inForceQuery = queryOptions({
  queryKey: ['policies', 'in-force'],
  queryFn: ({ signal }) => get(policySet, apiPath.policy(), signal),
});

export const packsQuery = queryOptions({
  queryKey: ['policies', 'packs'],
  queryFn: async ({ signal }) => (await get(packList, apiPath.policyPacks(), signal)).items,
});

export const propose = (body: z.input<typeof proposeBody>): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.policyProposals(), body);

/** The digest is that of what is on the page. */
export const signChange = (id: string, digest: string): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.signPolicy(id), { digest });
export const refuseChange = (id: string, reason: string): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.refusePolicy(id), { reason });
export const withdrawChange = (id: string): Promise<ChangeAnswer> =>
  post(changeAnswer, apiPath.withdrawPolicy(id));
