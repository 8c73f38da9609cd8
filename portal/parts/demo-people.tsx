// The demo's people as cards: one press and one is somebody.

import { useMutation } from '@tanstack/react-query';
import type { Me, DemoPeople as People } from '../../src/api/people.ts';
import { demoSignIn } from '../api/people.ts';
import styles from './demo-people.module.css';
import { FailureNote } from './failure-note.tsx';

interface Props {
  people: People['people'];
  onSignedIn: (me: Me) => void;
}

export function DemoPeople({ people, onSignedIn }: Props) {
  const entering = useMutation({ mutationFn: demoSignIn, onSuccess: onSignedIn });
  return (
    <>
      <ul className={styles.list}>
        {people.map((person) => (
          <li key={person.name}>
            <button
              type="button"
              className={styles.card}
              aria-label={`Sign in as ${person.name}`}
              aria-busy={entering.isPending && entering.variables === person.name}
              disabled={entering.isPending}
              onClick={() => entering.mutate(person.name)}
            >
              <span className={styles.door} aria-hidden="true" />
              <span>
                <span className={styles.name}>{person.displayName}</span>
                {person.displayName === person.name ? null : (
                  <span className={`sp-mono ${styles.login}`}>{person.name}</span>
                )}
                <span className={styles.does}>{person.does}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {entering.error === null ? null : <FailureNote error={entering.error} />}
    </>
  );
}
