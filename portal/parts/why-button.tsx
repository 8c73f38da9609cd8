// A button that, when it may not be pressed, says why: it stays in the tab order, and the reason is its description.

import { Button, type ButtonProps, Tooltip, VisuallyHidden } from '@mantine/core';
import { type MouseEvent, useId } from 'react';
import type { MayNot } from '../words/may.ts';

interface Props extends ButtonProps {
  mayNot: MayNot;
  onClick: () => void;
  label?: string;
}

export function WhyButton({ mayNot, onClick, label, children, ...rest }: Props) {
  const id = useId();
  const named = label === undefined ? {} : { 'aria-label': label };
  if (mayNot === null) {
    return (
      <Button {...rest} {...named} onClick={onClick}>
        {children}
      </Button>
    );
  }
  const refuse = (event: MouseEvent) => event.preventDefault();
  return (
    <>
      <Tooltip label={mayNot}>
        <Button {...rest} {...named} data-disabled aria-disabled aria-describedby={id} onClick={refuse}>
          {children}
        </Button>
      </Tooltip>
      <VisuallyHidden id={id}>{mayNot}</VisuallyHidden>
    </>
  );
}
