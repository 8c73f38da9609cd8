// A clock that plays: from 0 to the end, at a chosen speed, by animation frames.

import { useCallback, useEffect, useRef, useState } from 'react';

export interface Player {
  atMs: number;
  playing: boolean;
  speed: number;
  toggle: () => void;
  jump: (atMs: number) => void;
  setSpeed: (speed: number) => void;
}

/** Starts at `startMs`, standing still. */
export function usePlayer(totalMs: number, startMs: number): Player {
  const [atMs, setAtMs] = useState(startMs);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const last = useRef(0);
  useEffect(() => {
    if (!playing) return;
    last.current = performance.now();
    let frame = requestAnimationFrame(function step(now) {
      const passed = (now - last.current) * speed;
      last.current = now;
      setAtMs((known) => Math.min(totalMs, known + passed));
      frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, totalMs]);
  useEffect(() => {
    if (atMs >= totalMs) setPlaying(false);
  }, [atMs, totalMs]);
  const toggle = useCallback(() => {
    setAtMs((known) => (known >= totalMs ? 0 : known));
    setPlaying((known) => !known);
  }, [totalMs]);
  const jump = useCallback((to: number) => setAtMs(Math.max(0, to)), []);
  return { atMs: Math.min(atMs, totalMs), playing, speed, toggle, jump, setSpeed };
}
