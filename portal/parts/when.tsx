// A moment: local time to read, UTC on the title, the exact instant for machines.

import { useSlowNow } from '../time/use-now.ts';
import { localText, relativeText, utcText } from '../time/when.ts';

interface Props {
  at: string;
  /** `clock` 14:05 (default), `exact` with seconds, `ago` 4 min ago. */
  as?: 'clock' | 'exact' | 'ago';
}

export function When({ at, as = 'clock' }: Props) {
  const now = useSlowNow();
  const local = localText(at, now, { seconds: as === 'exact' });
  return (
    <time dateTime={at} title={as === 'ago' ? `${local}, ${utcText(at)}` : utcText(at)}>
      {as === 'ago' ? relativeText(at, now) : local}
    </time>
  );
}
