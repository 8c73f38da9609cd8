// A terminal as it was seen, played by asciinema's player, which draws the host's escape sequences in a screen of its own
// and nowhere else. Beside it what was run, and a search in the text of the screen; both lead to the moment.

import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Statement } from '../../src/api/sessions.ts';
import { terminalQuery } from '../api/sessions.ts';
import { spanText } from '../time/when.ts';
import { type Cast, castText, findLines, type Moment, readCast } from '../words/cast.ts';
import { Loaded } from './loaded.tsx';
import styles from './terminal-replay.module.css';
import 'asciinema-player/dist/bundle/asciinema-player.css';

const MOST_FOUND = 100;
type Player = ReturnType<typeof import('asciinema-player')['create']>;

export function TerminalReplay({ sessionId, entry }: { sessionId: string; entry: Statement }) {
  const query = useQuery(terminalQuery(sessionId, entry.index, entry.durationMs === null));
  return (
    <Loaded query={query} rows={1} rowHeight={380}>
      {(text) => <Replay key={`${sessionId} ${entry.index}`} text={text} />}
    </Loaded>
  );
}

function Replay({ text }: { text: string }) {
  const cast = useMemo(() => readCast(text), [text]);
  if (cast === null || cast.events.length === 0)
    return <p className={`sp-panel sp-pad ${styles.none}`}>Nothing was on the screen.</p>;
  return <Stage cast={cast} />;
}

function Stage({ cast }: { cast: Cast }) {
  const screen = useRef<HTMLDivElement>(null);
  const player = useRef<Player | null>(null);
  const [words, setWords] = useState('');
  useEffect(() => {
    let over = false;
    void import('asciinema-player').then(({ create }) => {
      if (over || screen.current === null) return;
      player.current = create({ data: castText(cast) }, screen.current, {
        fit: 'width',
        controls: true,
        preload: true,
        poster: `npt:${cast.length + 1}`,
        terminalFontFamily: 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace',
      });
    });
    return () => {
      over = true;
      player.current?.dispose();
      player.current = null;
    };
  }, [cast]);
  const searched = words.trim() !== '';
  const moments = searched ? findLines(cast, words, MOST_FOUND) : cast.marks;
  // A moment before, so that it is seen to come.
  const goTo = (at: number) => void player.current?.seek(Math.max(0, at - 0.01));
  return (
    <div className={`sp-panel ${styles.stage}`}>
      <div className={styles.screen} ref={screen} />
      <div className={styles.side}>
        <TextInput
          size="sm"
          aria-label="Search the screen"
          placeholder="Search the screen"
          leftSection={<IconSearch size={16} aria-hidden="true" />}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
        <Moments
          moments={moments}
          goTo={goTo}
          empty={searched ? 'Not on the screen.' : 'No commands were typed.'}
        />
      </div>
    </div>
  );
}

function Moments({ moments, goTo, empty }: { moments: Moment[]; goTo: (at: number) => void; empty: string }) {
  if (moments.length === 0) return <p className={styles.none}>{empty}</p>;
  return (
    <ol className={styles.moments} aria-label="Moments">
      {moments.map((moment, position) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same line may come twice at the same moment
        <li key={position}>
          <button type="button" onClick={() => goTo(moment.at)}>
            <span>{spanText(moment.at)}</span>
            <code>{moment.text}</code>
          </button>
        </li>
      ))}
    </ol>
  );
}
