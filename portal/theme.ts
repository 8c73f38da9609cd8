// The portal's colours and shapes for Mantine's controls; base.css holds the same palette for our own parts.
// Deep slate is the wall, one warm accent (lamp) is the light that falls through an open gate: it is spent on what
// is open now, and on nothing else.

import {
  ActionIcon,
  Badge,
  Button,
  Combobox,
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  Input,
  localStorageColorSchemeManager,
  type MantineColorsTuple,
  Modal,
  Tooltip,
} from '@mantine/core';

const slate: MantineColorsTuple = [
  '#f1f4f6',
  '#e1e7eb',
  '#c7d2d9',
  '#a8b8c2',
  '#8a9daa',
  '#6d8391',
  '#526876',
  '#3a4e5b',
  '#263944',
  '#16232d',
];
const lamp: MantineColorsTuple = [
  '#fdf5e6',
  '#f9e7c6',
  '#f4d497',
  '#f0c067',
  '#eeaa45',
  '#dd932a',
  '#b9741a',
  '#945a12',
  '#70430e',
  '#4c2d0a',
];
const moss: MantineColorsTuple = [
  '#edf6f0',
  '#d6eadd',
  '#b0d6be',
  '#87c09c',
  '#62aa7e',
  '#459367',
  '#2f7a52',
  '#246141',
  '#1a4831',
  '#102f20',
];
const ember: MantineColorsTuple = [
  '#fdf0ee',
  '#fadbd6',
  '#f4b6ac',
  '#ee9082',
  '#e66b5a',
  '#d64b3a',
  '#b8362a',
  '#942a21',
  '#701f19',
  '#4d1511',
];
// Mantine paints its dark scheme from `dark`: text first, body at 7.
const dark: MantineColorsTuple = [
  '#e6ecef',
  '#b7c3cb',
  '#93a3ad',
  '#5d707c',
  '#33444f',
  '#273640',
  '#1a262e',
  '#10181d',
  '#0c1317',
  '#080d10',
];

const gray: MantineColorsTuple = [
  '#f8f7f4',
  '#f1f0eb',
  '#e7e5de',
  '#d9d6cc',
  '#c4c1b6',
  '#a5a69f',
  '#7d8688',
  '#56646e',
  '#33434e',
  '#1d2a33',
];

const SANS =
  "'Segoe UI Variable Text', 'Segoe UI', -apple-system, BlinkMacSystemFont, Inter, Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif";
const MONO =
  "ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";

export const theme = createTheme({
  colors: { slate, lamp, moss, ember, dark, gray },
  primaryColor: 'slate',
  primaryShade: { light: 9, dark: 1 },
  autoContrast: true,
  luminanceThreshold: 0.4,
  // The primary button is ink on paper turned round, in both schemes; contrast that is worked out once, from the
  // light scheme's shade, would leave white on white in the dark.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
    const primary = input.color === undefined || input.color === input.theme.primaryColor;
    if (primary && input.variant === 'filled') {
      return {
        ...colors,
        background: 'var(--sp-ink)',
        hover: 'var(--sp-ink-hover)',
        color: 'var(--sp-surface)',
      };
    }
    if (input.color !== 'ember') return colors;
    return input.variant === 'filled'
      ? { ...colors, background: '#a3281d', hover: '#8c2118', color: '#ffffff' }
      : {
          ...colors,
          color: 'var(--sp-ember)',
          border: '1px solid var(--sp-ember)',
          hover: 'var(--sp-ember-soft)',
        };
  },
  black: '#16232d',
  fontFamily: SANS,
  fontFamilyMonospace: MONO,
  headings: { fontFamily: SANS, fontWeight: '600' },
  defaultRadius: 'md',
  radius: { xs: '3px', sm: '5px', md: '7px', lg: '11px', xl: '18px' },
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  components: {
    Button: Button.extend({ defaultProps: { fw: 600 } }),
    InputWrapper: Input.Wrapper.extend({
      defaultProps: { inputWrapperOrder: ['label', 'input', 'description', 'error'] },
    }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle' } }),
    Combobox: Combobox.extend({ defaultProps: { shadow: 'md' } }),
    Badge: Badge.extend({ defaultProps: { tt: 'none', fw: 600 } }),
    Modal: Modal.extend({
      defaultProps: { centered: true, radius: 'lg', overlayProps: { backgroundOpacity: 0.5, blur: 2 } },
    }),
    Tooltip: Tooltip.extend({
      defaultProps: {
        multiline: true,
        maw: 320,
        withArrow: true,
        events: { hover: true, focus: true, touch: true },
      },
    }),
  },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': 'var(--sp-paper)',
    '--mantine-color-text': 'var(--sp-ink)',
    '--mantine-color-dimmed': 'var(--sp-ink-soft)',
    '--mantine-color-default-border': 'var(--sp-line-strong)',
    '--mantine-color-error': 'var(--sp-ember)',
    '--mantine-color-placeholder': '#75818a',
  },
  dark: {
    '--mantine-color-body': 'var(--sp-paper)',
    '--mantine-color-text': 'var(--sp-ink)',
    '--mantine-color-dimmed': 'var(--sp-ink-soft)',
    '--mantine-color-default-border': 'var(--sp-line-strong)',
    '--mantine-color-error': 'var(--sp-ember)',
    '--mantine-color-placeholder': '#7c8c97',
  },
});

/** The same key as public/color-scheme.js reads before the first paint. */
export const schemeManager = localStorageColorSchemeManager({ key: 'sallyport-color-scheme' });
