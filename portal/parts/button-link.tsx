// A link that looks like a button, typed by the routes.

import { Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, ReactNode, Ref } from 'react';

interface Props extends ButtonProps, Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps> {
  ref?: Ref<HTMLAnchorElement>;
  children?: ReactNode;
}

const Anchor = (props: Props) => <Button component="a" {...props} />;

export const ButtonLink = createLink(Anchor);
