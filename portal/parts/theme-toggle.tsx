// Light, dark, or as the system says: one button that goes round.

import { ActionIcon, type MantineColorScheme, Tooltip, useMantineColorScheme } from '@mantine/core';
import { IconDeviceDesktop, IconMoon, IconSun } from '@tabler/icons-react';

const NEXT: Record<MantineColorScheme, MantineColorScheme> = { auto: 'light', light: 'dark', dark: 'auto' };
const ICONS = { auto: IconDeviceDesktop, light: IconSun, dark: IconMoon } as const;
const WORDS = { auto: 'as the system says', light: 'light', dark: 'dark' } as const;

export function ThemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Icon = ICONS[colorScheme];
  const label = `Colours: ${WORDS[colorScheme]}. Change to ${WORDS[NEXT[colorScheme]]}`;
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} color="gray" onClick={() => setColorScheme(NEXT[colorScheme])}>
        <Icon size={18} />
      </ActionIcon>
    </Tooltip>
  );
}
