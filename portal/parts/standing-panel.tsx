// Standing access: privileges on the target that no grant explains. Asked for by hand, because it makes the target
// list all its roles.

import { Button, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { StandingAccess } from '../../src/api/targets.ts';
import { standingAccessQuery } from '../api/targets.ts';
import { counted } from '../words/counts.ts';
import { maySeeStanding } from '../words/may.ts';
import { Loaded } from './loaded.tsx';
import styles from './standing-panel.module.css';
import { WhyButton } from './why-button.tsx';

export function StandingPanel({ target, me }: { target: string; me: Me }) {
  const [asked, setAsked] = useState(false);
  const standing = useQuery({ ...standingAccessQuery(target), enabled: asked });
  return (
    <section className="sp-section" aria-labelledby="standing">
      <div className="sp-row">
        <h2 id="standing">Standing access</h2>
        {asked ? (
          <Button
            variant="default"
            size="xs"
            ml="auto"
            loading={standing.isFetching}
            onClick={() => void standing.refetch()}
          >
            Look again
          </Button>
        ) : (
          <WhyButton
            variant="default"
            size="xs"
            ml="auto"
            mayNot={maySeeStanding(me)}
            onClick={() => setAsked(true)}
          >
            List it
          </WhyButton>
        )}
      </div>
      {asked ? (
        <Loaded query={standing} rows={1} rowHeight={180}>
          {(found) =>
            found.length === 0 ? (
              <p className="sp-soft">There is none: every privilege on this target comes from a grant.</p>
            ) : (
              <StandingTable rows={found} />
            )
          }
        </Loaded>
      ) : (
        <p className="sp-soft">Privileges that exist on this target outside any grant.</p>
      )}
    </section>
  );
}

const SHOWN_RIGHTS = 4;

function StandingTable({ rows }: { rows: StandingAccess[] }) {
  return (
    <Table.ScrollContainer minWidth={640} className="sp-panel">
      <Table className={styles.table} verticalSpacing="sm" horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Principal on the target</Table.Th>
            <Table.Th>What it may do</Table.Th>
            <Table.Th>Reached through</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={`${row.principal} ${row.through.join(' ')}`}>
              <Table.Td>
                <span className="sp-mono sp-wrap">{row.principal}</span>
                <span className={styles.sub}>
                  {row.superuser ? 'superuser, ' : ''}
                  {row.canLogin ? 'can log in' : 'cannot log in'}
                </span>
                {row.explainedBy === null ? null : <span className={styles.sub}>{row.explainedBy}</span>}
              </Table.Td>
              <Table.Td>
                <Rights rights={row.rights} />
              </Table.Td>
              <Table.Td>
                {row.through.length === 0 ? (
                  'held directly'
                ) : (
                  <span className="sp-mono sp-wrap">{row.through.join(' → ')}</span>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Rights({ rights }: { rights: string[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? rights : rights.slice(0, SHOWN_RIGHTS);
  return (
    <>
      {shown.map((right) => (
        <div key={right} className="sp-wrap">
          {right}
        </div>
      ))}
      {rights.length > shown.length ? (
        <button type="button" className={styles.more} onClick={() => setAll(true)}>
          and {counted(rights.length - shown.length, 'more right')}
        </button>
      ) : null}
    </>
  );
}
