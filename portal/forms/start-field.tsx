// When access is to start: now, or at a moment in the future for which it is decided and prepared.

import { SegmentedControl, TextInput } from '@mantine/core';
import { startProblem } from '../words/wish.ts';

interface Props {
  /** As the browser's field holds it, in local time; empty for now. */
  value: string;
  onChange: (value: string) => void;
  error: string | null;
}

const HOUR_MS = 3_600_000;

export function StartField({ value, onChange, error }: Props) {
  const later = value !== '';
  return (
    <div className="sp-stack">
      <div>
        <span className="sp-label" id="start">
          Start
        </span>
        <div>
          <SegmentedControl
            aria-labelledby="start"
            value={later ? 'later' : 'now'}
            onChange={(picked) => onChange(picked === 'now' ? '' : nextHour(Date.now()))}
            data={[
              { value: 'now', label: 'Now' },
              { value: 'later', label: 'Later' },
            ]}
          />
        </div>
      </div>
      {later ? (
        <TextInput
          type="datetime-local"
          label="Starts at"
          description="By this browser’s clock, at most 30 days ahead. The duration counts from then."
          value={value}
          onChange={(event) => onChange(event.currentTarget.value || nextHour(Date.now()))}
          error={error ?? startProblem(value, Date.now())}
          maw={260}
        />
      ) : null}
    </div>
  );
}

/** The next full hour that is at least half an hour away, as the field writes it. */
function nextHour(nowMs: number): string {
  const at = new Date(Math.ceil((nowMs + HOUR_MS / 2) / HOUR_MS) * HOUR_MS);
  const two = (number: number) => String(number).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
