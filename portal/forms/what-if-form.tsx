// What if somebody asked? The decision as it would be, as the form is filled in; nothing is written.

import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { Target, Task } from '../../src/api/targets.ts';
import { explainQuery } from '../api/requests.ts';
import { ExplainedDecision } from '../parts/explained-decision.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { questionFrom, type WhatIf } from '../words/what-if.ts';
import styles from './request-form.module.css';
import { WhatIfFields } from './what-if-fields.tsx';

const TYPING_PAUSE_MS = 300;

interface Props {
  start: WhatIf;
  onChange: (form: WhatIf) => void;
  me: Me;
  targets: Target[];
  tasks: Task[];
}

export function WhatIfForm({ start, onChange, me, targets, tasks }: Props) {
  const [form, setForm] = useState(start);
  const { body, problems } = questionFrom(form);
  const [asked] = useDebouncedValue(body, TYPING_PAUSE_MS);
  const answer = useQuery(explainQuery(asked));
  const change = (part: Partial<WhatIf>) => {
    const next = { ...form, ...part };
    setForm(next);
    onChange(next);
  };
  return (
    <div className={styles.form}>
      <form className="sp-panel sp-pad" onSubmit={(event) => event.preventDefault()} noValidate>
        <WhatIfFields
          form={form}
          change={change}
          me={me}
          targets={targets}
          tasks={tasks}
          problems={problems}
        />
      </form>
      <section
        className="sp-stack"
        aria-label="The decision"
        aria-live="polite"
        aria-busy={answer.isFetching}
      >
        {body === null ? (
          <p className="sp-soft">
            With a target, a task and a duration, policy tells here what it would say.
          </p>
        ) : answer.error !== null ? (
          <FailureNote error={answer.error} />
        ) : answer.data === undefined ? null : (
          <ExplainedDecision preview={answer.data} />
        )}
      </section>
    </div>
  );
}
