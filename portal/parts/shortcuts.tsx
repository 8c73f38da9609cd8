// Listens for the shortcuts and shows their list. Keys typed into a field, or with a modifier, are left alone.

import { Kbd, Modal } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';
import { SHORTCUTS, shortcutReader } from '../words/shortcuts.ts';
import styles from './shortcuts.module.css';

interface Props {
  open: boolean;
  setOpen: (open: boolean) => void;
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function Shortcuts({ open, setOpen }: Props) {
  const navigate = useNavigate();
  const read = useMemo(shortcutReader, []);
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      const pressed = read(event.key, event.timeStamp);
      if (pressed === null) return;
      event.preventDefault();
      if (pressed.act === 'help') setOpen(true);
      else void navigate({ to: pressed.to });
    }
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [navigate, read, setOpen]);
  return (
    <Modal opened={open} onClose={() => setOpen(false)} title={<h2>Keyboard shortcuts</h2>} size="sm">
      <ul className={styles.list}>
        {SHORTCUTS.map((shortcut) => (
          <li key={shortcut.keys}>
            <span>{shortcut.label}</span>
            <span>
              {shortcut.keys.split(' ').map((key) => (
                <Kbd key={key} ml={5}>
                  {key}
                </Kbd>
              ))}
            </span>
          </li>
        ))}
        <li>
          <span>This list</span>
          <Kbd>?</Kbd>
        </li>
      </ul>
    </Modal>
  );
}
