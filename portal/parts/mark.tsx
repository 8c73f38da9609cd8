// The mark: a gate with two doors, one of them standing open, and the light behind it.

interface Props {
  size?: number;
  /** How far the right door is open, 0 to 1. */
  open?: number;
}

export function Mark({ size = 28, open = 0.55 }: Props) {
  const edge = 24.4 - 8.4 * (1 - open);
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M7.6 26.6V14.4a8.4 8.4 0 0 1 16.8 0v12.2z" fill="var(--sp-lamp)" />
      <path d="M7.6 26.6V14.4A8.4 8.4 0 0 1 16 6v20.6z" fill="#8a9daa" />
      <path d={`M${edge} 26.6V9.5l${24.4 - edge} 3v14.1z`} fill="#6d8391" />
      <path d="M13.6 16.5v3" stroke="#16232d" strokeWidth="1.3" strokeLinecap="round" />
      <path
        d="M5.4 27.6V14.4a10.6 10.6 0 0 1 21.2 0v13.2"
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinecap="round"
      />
    </svg>
  );
}
