// Adding a target: for administrators.

import { Link } from '@tanstack/react-router';
import { AddTargetForm } from '../forms/add-target-form.tsx';
import { Empty } from '../parts/empty.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';
import { mayAdminister } from '../words/may.ts';

export function AddTargetPage() {
  const mayNot = mayAdminister(useMe());
  return (
    <Page
      title="Add a target"
      lead="A PostgreSQL database or a host with OpenSSH. Each grant has a login of its own there, which ends with it."
      above={
        <Link to="/targets" className="sp-link">
          Targets
        </Link>
      }
    >
      {mayNot === null ? <AddTargetForm /> : <Empty title="Not for you">{mayNot}</Empty>}
    </Page>
  );
}
