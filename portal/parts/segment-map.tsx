// The tree of segments as a picture: a gate for each segment, lit where grants are live, lines to what is below.
// Folding is its zoom; arrows, Home and End move in it as in any tree.

import { SegmentedControl } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { type KeyboardEvent, useRef, useState } from 'react';
import { counted } from '../words/counts.ts';
import {
  depthOf,
  foldedAtFirst,
  foldedBelow,
  type MapNode,
  type MapRow,
  moveBy,
  rowsOf,
} from '../words/segment-map.ts';
import styles from './segment-map.module.css';

interface Props {
  map: MapNode[];
  selected: string;
  onSelect: (path: string) => void;
}

/** More levels than these are one step of the zoom. */
const MOST_STEPS = 4;

export function SegmentMap({ map, selected, onSelect }: Props) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(() => foldedAtFirst(map, selected));
  const tree = useRef<HTMLDivElement>(null);
  const rows = rowsOf(map, folded);
  const shown = rows.some((row) => row.node.segment.path === selected);
  const entry = shown ? selected : rows[0]?.node.segment.path;
  const set = (path: string, fold: boolean) => {
    const next = new Set(folded);
    if (fold) next.add(path);
    else next.delete(path);
    setFolded(next);
  };
  const onKey = (event: KeyboardEvent) => {
    const move = moveBy(event.key, rows, entry ?? '');
    if (move === null || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if ('fold' in move) set(move.fold, true);
    else if ('unfold' in move) set(move.unfold, false);
    else {
      onSelect(move.select);
      tree.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(move.select)}"]`)?.focus();
    }
  };
  return (
    <section className={`sp-panel ${styles.frame}`} aria-label="The tree of segments">
      <Zoom map={map} folded={folded} onFold={setFolded} />
      <div ref={tree} role="tree" aria-label="Segments" onKeyDown={onKey} className={styles.tree}>
        {rows.map((row) => (
          <Row
            key={row.node.segment.path}
            row={row}
            selected={row.node.segment.path === selected}
            entry={row.node.segment.path === entry}
            onSelect={onSelect}
            onFold={set}
          />
        ))}
      </div>
    </section>
  );
}

interface ZoomProps {
  map: MapNode[];
  folded: ReadonlySet<string>;
  onFold: (folded: Set<string>) => void;
}

function Zoom({ map, folded, onFold }: ZoomProps) {
  const depth = depthOf(map);
  if (depth < 2) return null;
  const levels = Array.from({ length: Math.min(depth, MOST_STEPS) }, (_, index) => index + 1);
  const steps = levels.map((level) => ({
    value: level === levels.length ? 'all' : String(level),
    label: level === levels.length ? 'All' : String(level),
  }));
  const same = (paths: Set<string>) => paths.size === folded.size && [...paths].every((p) => folded.has(p));
  const at = steps.find(({ value }) =>
    same(value === 'all' ? new Set() : foldedBelow(map, Number(value))),
  )?.value;
  return (
    <div className={styles.zoom}>
      <span className="sp-label" id="levels">
        Levels shown
      </span>
      <SegmentedControl
        size="xs"
        aria-labelledby="levels"
        value={at ?? ''}
        onChange={(value) => onFold(value === 'all' ? new Set() : foldedBelow(map, Number(value)))}
        data={steps}
      />
    </div>
  );
}

interface RowProps {
  row: MapRow;
  selected: boolean;
  entry: boolean;
  onSelect: (path: string) => void;
  onFold: (path: string, fold: boolean) => void;
}

function Row({ row, selected, entry, onSelect, onFold }: RowProps) {
  const { node, folded, rails, last } = row;
  const { path, timeZone, owners } = node.segment;
  const parent = node.children.length > 0;
  const Chevron = folded ? IconChevronRight : IconChevronDown;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it listens for the keys.
    <div
      role="treeitem"
      data-path={path}
      aria-level={node.depth + 1}
      aria-posinset={row.position}
      aria-setsize={row.size}
      aria-selected={selected}
      {...(parent ? { 'aria-expanded': !folded } : {})}
      tabIndex={entry ? 0 : -1}
      className={styles.row}
      onClick={() => onSelect(path)}
    >
      {rails.map((goesOn, level) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a rail is nothing but its level.
        <Line key={level} d={goesOn ? 'M12 0V100' : ''} />
      ))}
      {node.depth === 0 ? null : <Line d={`M12 0V38Q12 50 24 50${last ? '' : 'M12 0V100'}`} />}
      <span className={styles.gate}>
        {parent && !folded ? <Line d="M12 60V100" /> : null}
        <Gate lit={node.grants > 0} />
      </span>
      <span className={styles.card}>
        <span className={styles.name}>
          {node.name}
          {parent ? (
            <button
              type="button"
              tabIndex={-1}
              className={styles.fold}
              aria-label={folded ? `Unfold ${path}` : `Fold ${path}`}
              onClick={(event) => {
                event.stopPropagation();
                onFold(path, !folded);
              }}
            >
              <Chevron size={16} aria-hidden="true" />
              {folded ? `${counted(node.children.length, 'segment')} below` : ''}
            </button>
          ) : null}
        </span>
        <span className={styles.facts}>
          <span>{counted(node.targets, 'target')}</span>
          {node.grants > 0 ? <span className={styles.live}>{counted(node.grants, 'live grant')}</span> : null}
          <span>{timeZone}</span>
          {owners.length === 0 ? null : <span>{owners.join(', ')}</span>}
        </span>
      </span>
    </div>
  );
}

function Line({ d }: { d: string }) {
  return (
    <span className={styles.line}>
      <svg viewBox="0 0 24 100" preserveAspectRatio="none" aria-hidden="true">
        <path d={d} />
      </svg>
    </span>
  );
}

function Gate({ lit }: { lit: boolean }) {
  return (
    <svg className={styles.arch} viewBox="0 0 24 24" aria-hidden="true" data-lit={lit}>
      <path d="M3 21V11a9 9 0 0 1 18 0v10z" />
      <path d="M8 21v-9a4 4 0 0 1 8 0v9z" className={styles.door} />
    </svg>
  );
}
