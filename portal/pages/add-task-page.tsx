// Adding a task: for administrators.

import { Link } from '@tanstack/react-router';
import { AddTaskForm } from '../forms/add-task-form.tsx';
import { Empty } from '../parts/empty.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';
import { mayAdminister } from '../words/may.ts';

export function AddTaskPage() {
  const mayNot = mayAdminister(useMe());
  return (
    <Page
      title="Add a task"
      lead="The narrowest set of rights that does one job. Who may ask for it is said by policy."
      above={
        <Link to="/targets" search={{ show: 'tasks' }} className="sp-link">
          Tasks
        </Link>
      }
    >
      {mayNot === null ? <AddTaskForm /> : <Empty title="Not for you">{mayNot}</Empty>}
    </Page>
  );
}
