// Who is signed in, for everything inside the shell, which is drawn only once that is known.

import { useSuspenseQuery } from '@tanstack/react-query';
import type { Me } from '../../src/api/people.ts';
import { meQuery } from '../api/people.ts';

export const useMe = (): Me => useSuspenseQuery(meQuery).data;
