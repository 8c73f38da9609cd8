// A fault in the portal itself: said plainly, with a way on. Nothing on the server depends on this page.

import { Button } from '@mantine/core';
import { Mark } from '../parts/mark.tsx';
import styles from './signed-in.module.css';

export function BrokenPage() {
  return (
    <main className={styles.waiting}>
      <Mark size={56} open={0} />
      <h1>This page has failed</h1>
      <p className="sp-soft">Grants, sessions and their ends do not depend on it. Load it again to go on.</p>
      <Button onClick={() => window.location.reload()}>Load again</Button>
    </main>
  );
}
