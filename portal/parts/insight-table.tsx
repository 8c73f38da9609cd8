// The figures behind the pictures, one line a task or person.

import { Table } from '@mantine/core';
import type { InsightRow } from '../../src/api/insights.ts';
import { spanText } from '../time/when.ts';
import { percentText } from '../words/counts.ts';
import styles from './insight-table.module.css';
import { ShareBar } from './share-bar.tsx';

interface Props {
  id: string;
  title: string;
  first: string;
  rows: InsightRow[];
}

const hours = (seconds: number) => (seconds === 0 ? '–' : spanText(seconds));

export function InsightTable({ id, title, first, rows }: Props) {
  return (
    <section className="sp-section" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <Table.ScrollContainer minWidth={820} className="sp-panel">
        <Table className={styles.table} verticalSpacing="sm" horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{first}</Table.Th>
              <Table.Th>Requests</Table.Th>
              <Table.Th>At once</Table.Th>
              <Table.Th>Approved</Table.Th>
              <Table.Th>Denied</Table.Th>
              <Table.Th>To access</Table.Th>
              <Table.Th>Held</Table.Th>
              <Table.Th>Used</Table.Th>
              <Table.Th>Rights used</Table.Th>
              <Table.Th>Statements</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.name}>
                <Table.Th scope="row">{row.name}</Table.Th>
                <Table.Td>{row.requests}</Table.Td>
                <Table.Td>{row.allowed}</Table.Td>
                <Table.Td>{row.approved}</Table.Td>
                <Table.Td>{row.denied}</Table.Td>
                <Table.Td>
                  {row.medianSecondsToAccess === null ? '–' : spanText(row.medianSecondsToAccess)}
                </Table.Td>
                <Table.Td>{hours(row.heldSeconds)}</Table.Td>
                <Table.Td>{hours(row.usedSeconds)}</Table.Td>
                <Table.Td>
                  <span className={styles.share}>
                    <ShareBar
                      label={`${row.rightsUsed} of ${row.rightsGranted} rights used`}
                      inner={row.rightsUsed}
                      outer={0}
                      whole={row.rightsGranted}
                    />
                    {percentText(row.rightsUsed, row.rightsGranted)}
                  </span>
                </Table.Td>
                <Table.Td>{row.statements.toLocaleString('en')}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}
