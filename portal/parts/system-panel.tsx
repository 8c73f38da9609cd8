// The parts of Sallyport itself: the log, the store, its processes, room for recordings.

import type { Health } from '../../src/api/health.ts';
import { bytesText } from '../words/counts.ts';
import { Facts } from './facts.tsx';
import { When } from './when.tsx';

export function SystemPanel({ health }: { health: Health }) {
  const { log, store, replicas, recordings, storing } = health;
  const live = replicas.filter((one) => one.state === 'running' || one.state === 'draining');
  return (
    <section className="sp-section" aria-labelledby="system">
      <h2 id="system">Sallyport itself</h2>
      <div className="sp-panel sp-pad">
        <Facts
          facts={[
            { name: 'Log', value: log.alarm === null ? 'Sound' : 'In alarm: nothing new is granted' },
            {
              name: 'Signed up to',
              value: `${log.checkpointSize.toLocaleString('en')} of ${log.entries.toLocaleString('en')} entries`,
            },
            {
              name: 'Last checkpoint',
              value: log.checkpointAt === null ? 'None yet' : <When at={log.checkpointAt} as="ago" />,
            },
            { name: 'Store', value: `PostgreSQL ${store.version}, ${bytesText(store.sizeBytes)}` },
            { name: 'Store answered in', value: `${store.answeredMs} ms` },
            {
              name: 'Room for recordings',
              value:
                recordings === null ? 'Nothing recorded here yet' : `${bytesText(recordings.freeBytes)} free`,
            },
            ...(storing === null
              ? []
              : [{ name: 'Recordings to be stored', value: storing.recordings.toLocaleString('en') }]),
            {
              name: live.length === 1 ? 'Process' : 'Processes',
              value: live.map((one) => `${one.name} (${one.roles.join(', ')})`).join('; ') || 'None known',
            },
          ]}
        />
      </div>
    </section>
  );
}
