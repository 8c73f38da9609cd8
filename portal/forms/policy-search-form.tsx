// What to look for among the policies: applied as it is typed or chosen.

import { Button, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { policyAction } from '../../src/api/policies.ts';
import type { PolicySearch } from '../api/policies.ts';
import { ACTION_WORDS } from '../words/policy-actions.ts';
import styles from './policy-search-form.module.css';

const TYPING_PAUSE_MS = 250;

interface Props {
  search: PolicySearch;
  onSearch: (search: PolicySearch) => void;
  groups: string[];
  segments: string[];
}

export function PolicySearchForm({ search, onSearch, groups, segments }: Props) {
  const [text, setText] = useState(search.text ?? '');
  const change = (part: { [Key in keyof PolicySearch]: PolicySearch[Key] | undefined }) => {
    const { id: _, ...next } = { ...search, ...part };
    onSearch(next);
  };
  const look = useDebouncedCallback(
    (typed: string) => change({ text: typed === '' ? undefined : typed }),
    TYPING_PAUSE_MS,
  );
  const filtered = Object.values(search).some((value) => value !== undefined);
  const known = (names: string[], chosen: string | undefined) =>
    chosen === undefined || names.includes(chosen) ? names : [chosen, ...names];
  return (
    <search className={styles.form}>
      <TextInput
        className={styles.text ?? ''}
        label="Search the policies"
        placeholder="A word, a name, an owner"
        leftSection={<IconSearch size={16} />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          look(event.currentTarget.value.trim());
        }}
        maxLength={200}
      />
      <Select
        label="Holds in segment"
        placeholder="Any"
        clearable
        searchable
        data={known(segments, search.segment)}
        value={search.segment ?? null}
        onChange={(value) => change({ segment: value ?? undefined })}
      />
      <Select
        label="Names group"
        placeholder="Any"
        clearable
        searchable
        data={known(groups, search.group)}
        value={search.group ?? null}
        onChange={(value) => change({ group: value ?? undefined })}
      />
      <Select
        label="Action"
        placeholder="Any"
        clearable
        data={policyAction.options.map((value) => ({ value, label: ACTION_WORDS[value] }))}
        value={search.action ?? null}
        onChange={(value) => change({ action: policyAction.safeParse(value).data })}
      />
      {filtered ? (
        <Button
          variant="default"
          className={styles.clear ?? ''}
          onClick={() => {
            setText('');
            onSearch({});
          }}
        >
          Show all
        </Button>
      ) : null}
    </search>
  );
}
