// Watching a recording: the statement as it was sent, what the target answered, and a line of time to move on.

import { ActionIcon, SegmentedControl, Slider } from '@mantine/core';
import {
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerSkipBack,
  IconPlayerSkipForward,
} from '@tabler/icons-react';
import type { Statement } from '../../src/api/sessions.ts';
import { spanText } from '../time/when.ts';
import { bytesText, counted, millisText } from '../words/counts.ts';
import { type Moment, typedShare } from '../words/replay.ts';
import styles from './replay-stage.module.css';
import type { Player } from './use-player.ts';

interface Props {
  statements: Statement[];
  moments: Moment[];
  totalMs: number;
  player: Player;
  current: number;
  onTouch: () => void;
}

export function ReplayStage({ statements, moments, totalMs, player, current, onTouch }: Props) {
  const statement = statements[current];
  const moment = moments[current];
  if (statement === undefined || moment === undefined) return null;
  const shown = player.playing
    ? Math.ceil(statement.text.length * typedShare(moment, player.atMs))
    : statement.text.length;
  const answered = shown >= statement.text.length;
  const goTo = (index: number) => {
    onTouch();
    player.jump(moments[Math.min(moments.length - 1, Math.max(0, index))]?.fromMs ?? 0);
  };
  return (
    <div className={styles.stage}>
      <div className={styles.screen}>
        <p className={styles.clock}>
          +{spanText(statement.offsetMs / 1000)}
          {moment.cutMs > 0 ? ` · after a pause of ${spanText(moment.cutMs / 1000)}` : ''}
        </p>
        <pre className={styles.text}>
          {statement.text.slice(0, shown)}
          {answered ? null : <span className={styles.caret} />}
        </pre>
        <p className={styles.answer} data-bad={statement.error !== null || statement.verdict === 'refused'}>
          {answered ? answerOf(statement) : '\u00a0'}
        </p>
      </div>
      <div className={styles.ticks} aria-hidden="true">
        {moments.map((mark) => (
          <span
            key={mark.index}
            data-bad={isBad(statements[mark.index])}
            style={{
              left: `${(100 * mark.fromMs) / totalMs}%`,
              width: `max(2px, ${(100 * (mark.toMs - mark.fromMs)) / totalMs}%)`,
            }}
          />
        ))}
      </div>
      <Slider
        thumbLabel="Position in the recording"
        thumbProps={{ 'aria-valuetext': `Statement ${current + 1} of ${statements.length}` }}
        value={player.atMs}
        onChange={(value) => {
          onTouch();
          player.jump(value);
        }}
        min={0}
        max={totalMs}
        step={Math.max(1, totalMs / 1000)}
        label={null}
        size="sm"
        color="lamp.5"
      />
      <div className={styles.controls}>
        <ActionIcon aria-label="Statement before" size="lg" color="gray" onClick={() => goTo(current - 1)}>
          <IconPlayerSkipBack size={18} />
        </ActionIcon>
        <ActionIcon
          aria-label={player.playing ? 'Pause' : 'Play'}
          size="lg"
          variant="filled"
          onClick={() => {
            onTouch();
            player.toggle();
          }}
        >
          {player.playing ? <IconPlayerPause size={18} /> : <IconPlayerPlay size={18} />}
        </ActionIcon>
        <ActionIcon aria-label="Next statement" size="lg" color="gray" onClick={() => goTo(current + 1)}>
          <IconPlayerSkipForward size={18} />
        </ActionIcon>
        <span className={styles.place}>
          {current + 1} of {statements.length}
        </span>
        <SegmentedControl
          aria-label="Speed"
          size="xs"
          value={String(player.speed)}
          onChange={(value) => player.setSpeed(Number(value))}
          data={[
            { value: '1', label: '1×' },
            { value: '4', label: '4×' },
            { value: '16', label: '16×' },
          ]}
        />
      </div>
    </div>
  );
}

const isBad = (statement: Statement | undefined) =>
  statement !== undefined && (statement.error !== null || statement.verdict === 'refused');

function answerOf(statement: Statement): string {
  if (statement.verdict === 'refused') return `Refused at the gateway. ${statement.error?.message ?? ''}`;
  if (statement.error !== null) return `${statement.error.sqlstate}: ${statement.error.message}`;
  const took = statement.durationMs === null ? 'still running' : millisText(statement.durationMs);
  return `${counted(statement.rows, 'row')}, ${bytesText(statement.bytes)}, ${took}`;
}
