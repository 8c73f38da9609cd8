// The builder: choices at the left, at the right the Cedar that they become, what it says, and what it would decide.

import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { Target, Task } from '../../src/api/targets.ts';
import { draftQuery } from '../api/policy-draft.ts';
import { DraftCedar } from '../parts/draft-cedar.tsx';
import { DraftChecked } from '../parts/draft-checked.tsx';
import { cedarFrom, draftProblems, EMPTY_DRAFT, idOf, type PolicyDraft } from '../words/policy-draft.ts';
import { questionFrom, type WhatIf, whatIfFrom } from '../words/what-if.ts';
import { Circumstances, ObligationsAndNotes } from './draft-conditions.tsx';
import { WhereAndHow, WhoAndWhat } from './draft-fields.tsx';
import styles from './draft-form.module.css';
import { ProposeDraftForm } from './propose-draft-form.tsx';
import { WhatIfFields } from './what-if-fields.tsx';

const TYPING_PAUSE_MS = 350;

interface Props {
  me: Me;
  targets: Target[];
  tasks: Task[];
  groups: string[];
  segments: string[];
}

export function DraftForm({ me, targets, tasks, groups, segments }: Props) {
  const [draft, setDraft] = useState<PolicyDraft>(EMPTY_DRAFT);
  const [example, setExample] = useState<WhatIf>(whatIfFrom({}));
  const [proposed, setProposed] = useState<{ name: string; text: string } | null>(null);
  const problems = draftProblems(draft);
  const text = Object.keys(problems).length === 0 ? cedarFrom(draft) : null;
  const question = questionFrom(example);
  const body = text === null ? null : { text, ...(question.body === null ? {} : { example: question.body }) };
  const [asked] = useDebouncedValue(body, TYPING_PAUSE_MS);
  const checked = useQuery(draftQuery(asked));
  const change = (part: Partial<PolicyDraft>) => setDraft((known) => ({ ...known, ...part }));
  const fields = { draft, change, problems };
  const names = { targets, tasks, groups, segments };
  return (
    <div className={styles.form}>
      <form
        className={`sp-panel sp-pad ${styles.fields}`}
        onSubmit={(event) => event.preventDefault()}
        noValidate
        aria-label="The policy"
      >
        <WhoAndWhat {...fields} {...names} />
        <WhereAndHow {...fields} {...names} />
        <Circumstances {...fields} />
        <ObligationsAndNotes {...fields} />
      </form>
      <div className={styles.side}>
        <DraftCedar text={text} name={idOf(draft)} problems={problems} onPropose={setProposed} />
        {text === null ? null : <DraftChecked checked={checked.data} error={checked.error} part="said" />}
        <section className="sp-panel sp-pad sp-stack" aria-labelledby="example">
          <h2 id="example">For example</h2>
          <WhatIfFields
            form={example}
            change={(part) => setExample((known) => ({ ...known, ...part }))}
            me={me}
            targets={targets}
            tasks={tasks}
            problems={question.problems}
          />
          {text === null || question.body === null ? (
            <p className="sp-soft sp-small">
              With a policy, a target and a task, the decision stands here: as it is now, and as it would be.
            </p>
          ) : (
            <DraftChecked checked={checked.data} error={checked.error} part="example" />
          )}
        </section>
      </div>
      {proposed === null ? null : (
        <ProposeDraftForm
          draft={proposed}
          segment={draft.whereKind === 'segment' ? draft.where : null}
          everywhere={me.rights.includes('changePolicy')}
          onClose={() => setProposed(null)}
        />
      )}
    </div>
  );
}
