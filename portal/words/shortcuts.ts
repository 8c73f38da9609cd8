// Keys that go somewhere: `g` and a letter within a second and a half, `?` for the list of them.

export interface Shortcut {
  keys: string;
  label: string;
  to:
    | '/'
    | '/request'
    | '/approvals'
    | '/sessions'
    | '/audit'
    | '/targets'
    | '/insights'
    | '/health'
    | '/map'
    | '/policy'
    | '/policy/changes'
    | '/people'
    | '/break-glass'
    | '/notices'
    | '/kill';
}

export const SHORTCUTS: Shortcut[] = [
  { keys: 'g a', label: 'My access', to: '/' },
  { keys: 'g r', label: 'Request', to: '/request' },
  { keys: 'g p', label: 'Approvals', to: '/approvals' },
  { keys: 'g s', label: 'Sessions', to: '/sessions' },
  { keys: 'g l', label: 'Audit', to: '/audit' },
  { keys: 'g t', label: 'Targets', to: '/targets' },
  { keys: 'g m', label: 'Map', to: '/map' },
  { keys: 'g y', label: 'Policy', to: '/policy' },
  { keys: 'g i', label: 'Insights', to: '/insights' },
  { keys: 'g h', label: 'Health', to: '/health' },
  { keys: 'g c', label: 'Policy changes', to: '/policy/changes' },
  { keys: 'g w', label: 'People', to: '/people' },
  { keys: 'g b', label: 'Break-glass', to: '/break-glass' },
  { keys: 'g n', label: 'Notices', to: '/notices' },
  { keys: 'g k', label: 'Kill switch', to: '/kill' },
];

const CHORD_MS = 1_500;

export type Pressed = { act: 'go'; to: Shortcut['to'] } | { act: 'help' } | null;

/** Remembers a `g` for a moment. `atMs` is any clock that only goes forward. */
export function shortcutReader(): (key: string, atMs: number) => Pressed {
  let gAtMs = Number.NEGATIVE_INFINITY;
  return (key, atMs) => {
    const follows = atMs - gAtMs <= CHORD_MS;
    gAtMs = Number.NEGATIVE_INFINITY;
    if (key === '?') return { act: 'help' };
    if (follows) {
      const found = SHORTCUTS.find((shortcut) => shortcut.keys === `g ${key}`);
      return found === undefined ? null : { act: 'go', to: found.to };
    }
    if (key === 'g') gAtMs = atMs;
    return null;
  };
}
