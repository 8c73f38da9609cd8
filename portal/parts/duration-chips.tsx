// A duration by one press, or in one's own words.

import { TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import { describeDuration } from '../../src/base/duration.ts';
import { secondsOf } from '../words/durations.ts';
import styles from './duration-chips.module.css';

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  chips: string[];
  /** Longer chips are shown as not possible, with this as the reason. */
  longestSeconds?: number | null;
  error?: string | null;
}

export function DurationChips({ label, value, onChange, chips, longestSeconds = null, error = null }: Props) {
  const id = useId();
  // What was typed, for as long as it is the value: another one may be set from outside ("ask for 4 h instead").
  const [typed, setTyped] = useState<string | null>(null);
  const own = typed === value || !chips.includes(value);
  const seconds = secondsOf(value);
  return (
    <fieldset className={styles.field}>
      <legend className={styles.legend}>{label}</legend>
      <div className={styles.chips}>
        {chips.map((chip) => {
          const tooLong = longestSeconds !== null && (secondsOf(chip) ?? 0) > longestSeconds;
          return (
            <label
              key={chip}
              className={styles.chip}
              title={tooLong ? `Policy allows ${describeDuration(longestSeconds)} at most` : undefined}
            >
              <input
                type="radio"
                name={id}
                value={chip}
                checked={!own && value === chip}
                onChange={() => {
                  setTyped(null);
                  onChange(chip);
                }}
              />
              <span data-too-long={tooLong}>{chip}</span>
            </label>
          );
        })}
        <label className={styles.chip}>
          <input type="radio" name={id} value="own" checked={own} onChange={() => setTyped(value)} />
          <span>Other</span>
        </label>
        {own ? (
          <TextInput
            aria-label="Own duration"
            placeholder="45m"
            value={value}
            onChange={(event) => {
              setTyped(event.currentTarget.value.trim());
              onChange(event.currentTarget.value.trim());
            }}
            error={seconds === null && value !== ''}
            w={92}
            size="sm"
          />
        ) : null}
      </div>
      {error === null ? (
        own && (
          <p className={`sp-soft sp-small ${styles.hint}`}>
            A whole number and s, m, h or d: 45s, 30m, 2h, 1d.
          </p>
        )
      ) : (
        <p className={styles.error}>{error}</p>
      )}
    </fieldset>
  );
}
