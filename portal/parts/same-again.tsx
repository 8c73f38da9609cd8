// The same request once more: opens the form filled in.

import { ButtonLink } from './button-link.tsx';

export function SameAgain({ requestId, what }: { requestId: string; what: string }) {
  return (
    <ButtonLink
      to="/request"
      search={{ like: requestId }}
      variant="default"
      size="xs"
      aria-label={`Same again: ${what}`}
    >
      Same again
    </ButtonLink>
  );
}
