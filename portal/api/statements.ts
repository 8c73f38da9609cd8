// Statements that wait for a yes of their own.

import { queryOptions } from '@tanstack/react-query';
import { statementCard } from '../../src/api/statements.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

/** They run out by themselves, of which no hint is sent. */
const AGAIN_MS = 15_000;
const statementPage = pageOf(statementCard);

export const waitingStatementsQuery = queryOptions({
  queryKey: ['requests', 'statements'],
  queryFn: ({ signal }) => get(statementPage, apiPath.statements({ view: 'approvals' }), signal),
  refetchInterval: AGAIN_MS,
});

export const statementQuery = (id: string) =>
  queryOptions({
    queryKey: ['requests', 'statements', id],
    queryFn: ({ signal }) => get(statementCard, apiPath.statement(id), signal),
    refetchInterval: AGAIN_MS,
  });

export const approveStatement = (id: string, digest: string) =>
  post(statementCard, apiPath.decideStatement(id, 'approve'), { digest });

export const denyStatement = (id: string, reason: string) =>
  post(statementCard, apiPath.decideStatement(id, 'deny'), { reason });
