// People, and a start in the future, in a real Chromium: two administrators' work on one page, and a grant that waits for
// its time in My access.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { type Chromium, startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');

describe('in Chromium', { skip }, () => {
  let sallyport: Sallyport;
  let chromium: Chromium;
  before(async () => {
    sallyport = await startSallyport();
    chromium = await startChromium(sallyport.server());
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await sallyport?.[Symbol.asyncDispose]();
  });

  async function enter(person: Person, path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await chromium.visit(options);
    await page.goto('/');
    await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'My access' }).waitFor();
    await page.goto(path);
    return page;
  }

  test('a person is found, changed, and made an approver by two people', async () => {
    const page = await enter('admin', '/people');
    const people = page.getByRole('list', { name: 'People, services and agents' });
    await people.getByText('Erin Engineer').waitFor();
    await page.getByRole('textbox', { name: 'Search' }).fill('engineer backend');
    assert.equal(await people.getByRole('listitem').count(), 1);
    await people.getByRole('button', { name: 'Erin Engineer' }).click();
    const panel = page.getByRole('region', { name: 'Erin Engineer' });
    await panel.getByText('Here, by hand').waitFor();
    await panel.getByRole('button', { name: 'Change', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Title' }).fill('Data engineer');
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('new team');
    await dialog.getByRole('button', { name: 'Change', exact: true }).click();
    await panel.getByText('Data engineer').waitFor();
    await panel.getByRole('button', { name: 'Change', exact: true }).click();
    await dialog.getByRole('combobox', { name: 'Groups' }).click();
    await page.getByRole('option', { name: 'approvers' }).click();
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('on duty from now on');
    await dialog.getByRole('button', { name: 'Change', exact: true }).click();
    await panel.getByRole('status').getByText('Erin Engineer could then change policies.').waitFor();
    await page.getByRole('tab', { name: 'Waiting (1)' }).click();
    const waiting = page.getByRole('article', { name: 'A change of Erin Engineer' });
    await waiting.getByRole('button', { name: 'Take it back' }).waitFor();

    const second = await enter('approver', '/people');
    await second
      .getByRole('article', { name: 'A change of Erin Engineer' })
      .getByRole('button', { name: 'Confirm' })
      .click();
    await second.getByText('Nothing waits for a second person').waitFor();
    await page.getByText('Nothing waits for a second person').waitFor();
    await page.getByRole('tab', { name: 'Groups' }).click();
    const group = page.getByRole('article', { name: 'The group approvers' });
    await group.getByText('Erin Engineer').waitFor();
    await group.getByText(/Being in it lets a person change policies/).waitFor();
    await page.getByRole('textbox', { name: 'New group' }).fill('interns');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('button', { name: 'Delete interns' }).click();
    await page.getByRole('article', { name: 'The group interns' }).waitFor({ state: 'detached' });
    await chromium.settle();
  });

  test('somebody is disabled and enabled again', async () => {
    const page = await enter('admin', '/people?who=auditor');
    const panel = page.getByRole('region', { name: 'Ada Auditor' });
    await panel.getByRole('button', { name: 'Disable' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('left');
    await dialog.getByRole('button', { name: 'Disable now' }).click();
    await panel.getByText('Disabled', { exact: true }).waitFor();
    await panel.getByRole('button', { name: 'Enable' }).click();
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('came back');
    await dialog.getByRole('button', { name: 'Enable' }).click();
    await panel.getByRole('status').getByText('Ada Auditor could then audit.').waitFor();
    await chromium.settle();
  });

  test('a start in the future is asked for, and waits for its time in My access', async () => {
    const page = await enter('engineer', '/request?target=orders-db&task=read-orders');
    await page.getByText('Later', { exact: true }).click();
    const field = page.getByLabel('Starts at');
    await field.fill('2020-01-01T08:00');
    await page.getByText('That has passed already.').waitFor();
    const at = new Date(Date.now() + 2 * 86_400_000);
    await field.fill(`${at.toISOString().slice(0, 10)}T08:00`);
    await page.getByRole('textbox', { name: 'Reason' }).fill('the release');
    await page.getByRole('button', { name: 'Request access' }).click();
    await page.waitForURL(/\/requests\/req_/);
    await page.goto('/');
    const held = page.getByRole('article', { name: 'read-orders on orders-db' });
    await held.getByText('Planned').waitFor();
    await held.getByText(/It starts at .*08:00.*, for 1 h/).waitFor();
    await held.getByRole('button', { name: 'Call it off' }).click();
    await held.waitFor({ state: 'hidden' });
    await chromium.settle();
  });

  test('it fits 360 px', async () => {
    const page = await enter('admin', '/people', {
      viewport: { width: 360, height: 760 },
      colorScheme: 'dark',
    });
    for (const [path, waited] of [
      ['/people', 'Erin Engineer'],
      ['/people?who=engineer', 'Tokens and sessions that work now'],
      ['/people?show=groups', 'Named by'],
      ['/people?show=changes', 'Before'],
    ] as const) {
      await page.goto(path);
      await page.getByText(waited).first().waitFor();
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, path);
    }
    await chromium.settle();
  });
});
