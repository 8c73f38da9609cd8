import type { Bench } from './rounds.ts';
export const gatewayBench: Bench = { measures: 'x', run: async () => [] };
