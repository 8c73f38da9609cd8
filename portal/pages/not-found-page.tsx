// An address that leads nowhere.

import { ButtonLink } from '../parts/button-link.tsx';
import { Empty } from '../parts/empty.tsx';
import { Page } from '../parts/page.tsx';

export function NotFoundPage() {
  return (
    <Page title="No such page">
      <Empty title="This address leads nowhere" action={<ButtonLink to="/">My access</ButtonLink>}>
        What it named may be gone, or the link may have been cut short.
      </Empty>
    </Page>
  );
}
