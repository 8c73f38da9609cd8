// Where a host is, and the keys that it shows: pinned once a person has compared them with what the host itself says, and
// never just believed. Another address or port shows other keys, so those that were asked for before are dropped.

import { Button, Checkbox, NumberInput, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { askHostKeys } from '../api/targets.ts';
import { CopyLine } from '../parts/copy-line.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import styles from './add-target-form.module.css';
import type { KindFields } from './target-fields.ts';

export interface Host {
  host: string;
  port: number;
  keys: { key: string; fingerprint: string }[];
  compared: boolean;
}

export const NO_HOST: Host = { host: '', port: 22, keys: [], compared: false };

const SAYS = 'for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -l -f $key; done';
const SECRET_BYTES = 32;
const ADMIN = 'root';

/** What the administrator's key is made of; nobody has to know it. */
function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** For the wire's body. */
export const hostBody = ({ host, port, keys }: Host) => ({
  settings: { host, port, hostKeys: keys.map((one) => one.key) },
  admin: { user: ADMIN, password: newSecret() },
});

/** By the wire's field names. */
export function hostProblems({ keys, compared }: Host): Record<string, string> {
  if (keys.length === 0) return { 'settings.hostKeys': 'Ask for its keys first.' };
  return compared ? {} : { 'settings.hostKeys': 'Compare the keys with what the host itself says first.' };
}

export function HostFields({ fields, set, problems }: KindFields<Host>) {
  const { host, port, keys } = fields;
  const asking = useMutation({
    mutationFn: () => askHostKeys({ host, port }),
    onSuccess: (found) => set({ ...fields, keys: found, compared: false }),
  });
  const at = (change: Partial<Host>) => {
    asking.reset();
    set({ ...fields, ...change, keys: [], compared: false });
  };
  return (
    <>
      <fieldset className={styles.group}>
        <legend>Where it is</legend>
        <TextInput
          label="Host"
          placeholder="web-1.internal"
          value={host}
          onChange={(event) => at({ host: event.currentTarget.value.trim() })}
          error={problems['settings.host'] ?? null}
        />
        <NumberInput
          label="Port"
          value={port}
          onChange={(value) => at({ port: Number(value) })}
          min={1}
          max={65_535}
          hideControls
          error={problems['settings.port'] ?? null}
        />
      </fieldset>
      <fieldset className={styles.tables}>
        <legend>Its keys</legend>
        <p className="sp-soft sp-small">
          Sallyport speaks to this host only where it shows one of these. Compare them with what the host
          itself says:
        </p>
        <CopyLine text={SAYS} label="Copy the command for the host" />
        <div className="sp-row">
          <Button
            variant="default"
            loading={asking.isPending}
            disabled={host === '' || port < 1}
            onClick={() => asking.mutate()}
          >
            {keys.length === 0 ? 'Ask for its keys' : 'Ask again'}
          </Button>
          {host === '' ? <span className="sp-soft sp-small">Its address first.</span> : null}
        </div>
        {asking.error === null ? null : <FailureNote error={asking.error} />}
        {keys.length === 0 ? null : (
          <>
            <ul className={`sp-list sp-panel ${styles.keys}`} aria-label="Keys that the host shows">
              {keys.map((one) => (
                <li key={one.key}>
                  <code>{one.fingerprint}</code>
                  <span className="sp-soft sp-small">{one.key.split(' ', 1)[0]}</span>
                </li>
              ))}
            </ul>
            <Checkbox
              label="I have compared them: these are what the host itself says"
              checked={fields.compared}
              onChange={(event) => set({ ...fields, compared: event.currentTarget.checked })}
            />
          </>
        )}
        {problems['settings.hostKeys'] === undefined ? null : (
          <p className={styles.problem} role="alert">
            {problems['settings.hostKeys']}
          </p>
        )}
      </fieldset>
      <p className="sp-soft sp-small">
        It needs OpenSSH and sudo. Sallyport works on it as root with a key of its own; the check that follows
        prints what to paste on the host, once, as root.
      </p>
    </>
  );
}
