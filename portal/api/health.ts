// The health of the installation; looked at again every few seconds while the page is open.

import { queryOptions } from '@tanstack/react-query';
import { health } from '../../src/api/health.ts';
import { get } from './client.ts';
import { apiPath } from './paths.ts';

const REFRESH_MS = 5_000;

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: ({ signal }) => get(health, apiPath.installationHealth(), signal),
  refetchInterval: REFRESH_MS,
});
