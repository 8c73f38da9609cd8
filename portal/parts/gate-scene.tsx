// The gate at night: a wall, two doors ajar, and the light that falls through onto the ground.

import styles from './gate-scene.module.css';

const COURSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export function GateScene() {
  return (
    <svg
      viewBox="0 0 480 420"
      className={styles.scene}
      aria-hidden="true"
      focusable="false"
      preserveAspectRatio="xMidYMax slice"
    >
      <defs>
        <linearGradient id="fall" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor="#eeaa45" stopOpacity="0.85" />
          <stop offset="1" stopColor="#eeaa45" stopOpacity="0" />
        </linearGradient>
        <radialGradient id="behind" cx="0.5" cy="0.9" r="0.9">
          <stop offset="0" stopColor="#ffd992" />
          <stop offset="1" stopColor="#e09a33" />
        </radialGradient>
      </defs>
      <rect y="40" width="480" height="380" fill="#1c2c37" />
      <g stroke="#16232d" strokeWidth="2">
        {COURSES.map((course) => (
          <path
            key={course}
            d={`M0 ${40 + course * 32}h480M${course % 2 === 0 ? 48 : 0} ${40 + course * 32}v32m96-32v32m96-32v32m96-32v32m96-32v32`}
          />
        ))}
      </g>
      <path
        d="M0 40V22h36V4h36v18h36V4h36v18h36V4h36v18h36V4h36v18h36V4h36v18h36V4h36v18h36V4h36v18h12v18z"
        fill="#1c2c37"
      />
      <path d="M126 352V206a114 114 0 0 1 228 0v146z" fill="#10191f" />
      <path d="M140 352V206a100 100 0 0 1 200 0v146z" fill="url(#behind)" />
      <g className={styles.left}>
        <path d="M140 352V206a100 100 0 0 1 78-97.600V352z" fill="#33464f" />
        <path d="M166 352V139M192 352V118" stroke="#263944" strokeWidth="2" />
        <path d="M140 178h78M140 304h78" stroke="#4f6674" strokeWidth="7" />
        <path d="M208 232v22" stroke="#c7d2d9" strokeWidth="4" strokeLinecap="round" />
      </g>
      <g className={styles.right}>
        <path d="M340 352V206a100 100 0 0 0-62-92.500V352z" fill="#33464f" />
        <path d="M320 352V146M299 352V123" stroke="#263944" strokeWidth="2" />
        <path d="M278 178h62M278 304h62" stroke="#4f6674" strokeWidth="7" />
        <path d="M288 232v22" stroke="#c7d2d9" strokeWidth="4" strokeLinecap="round" />
      </g>
      <rect y="352" width="480" height="68" fill="#111b22" />
      <path d="M218 352h60l92 68H132z" fill="url(#fall)" />
    </svg>
  );
}
