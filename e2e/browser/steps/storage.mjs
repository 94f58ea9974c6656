// How it is kept: disks, limits, the recovery key, signed clips, what a helper gets to see.
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { must, until } from '../chromium.mjs';
import { inOrder } from './manners.mjs';

/** Asks for the recovery key on Home, and makes it by keyboard: the password, the paper, the proof. */
export async function recoveryKey({ page, api, owner }) {
  await page.goto('/');
  const prompt = page.getByTestId('recovery-prompt');
  await prompt.waitFor();
  await prompt.getByTestId('recovery-not-today').click();
  await prompt.waitFor({ state: 'detached' });
  await page.reload();
  await page.getByTestId('tile').first().waitFor();
  await page.waitForFunction(() =>
    document.querySelector('[data-testid=health]')?.textContent.includes('recording since'),
  );
  must((await prompt.count()) === 0, 'it is asked again on the same day');

  await page.goto('/storage');
  const begin = page.getByTestId('recovery-begin');
  await begin.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByTestId('recovery');
  const password = page.locator('#recovery-password');
  must(await password.evaluate((e) => e === document.activeElement), 'the password has no focus');
  await page.keyboard.type(owner.password + '!');
  await page.keyboard.press('Enter');
  await page
    .locator('#recovery-password-note.wrong')
    .filter({ hasText: /password/ })
    .waitFor();
  must((await api('GET', '/storage')).recovery.made === undefined, 'there is a key though the password was wrong');
  await inOrder(page);
  await password.fill(owner.password);
  await page.keyboard.press('Enter');

  const groups = page.getByTestId('recovery-groups').locator('li > span:first-child');
  await groups.first().waitFor();
  const key = (await groups.allTextContents()).join('');
  must(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/.test(key), `the key has ${key.length} characters`);
  await inOrder(page);
  const sheet = page.getByTestId('recovery-sheet');
  must(!(await sheet.isVisible()), 'the sheet is seen before it is printed');
  await printed(page, sheet, key);
  for (let i = 0; i < 3; i++) await page.keyboard.press('Escape');
  must(await dialog.isVisible(), 'Escape throws the key away');

  const proof = page.locator('#recovery-proof');
  await proof.fill(key.slice(-6, -1));
  await page.keyboard.press('Enter');
  await page.locator('#recovery-proof-note.wrong').waitFor();
  await proof.fill(key.slice(-6).toLowerCase());
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  must(!(await page.content()).includes(key.slice(-10)), 'the key is still somewhere on the page');
  must((await sheet.count()) === 0, 'the sheet is still there');
  must(await begin.evaluate((e) => e === document.activeElement), 'the focus is not where it was');
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  must(!kept.includes('SECRET'), 'the browser keeps the key');

  await page
    .getByTestId('recovery-card')
    .filter({ hasText: /Made on/ })
    .waitFor();
  await begin.click();
  await dialog.filter({ hasText: /opens nothing any more/ }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
}

/** What comes out of the printer: the sheet with the whole key, and nothing else. */
async function printed(page, sheet, key) {
  await page.emulateMedia({ media: 'print' });
  try {
    must(await sheet.isVisible(), 'the sheet is not printed');
    await page.screenshot({ path: `${process.env.ARTIFACTS}/recovery-key.png` });
    const seen = await page.evaluate(
      () =>
        [...document.querySelectorAll('body *')].filter(
          (e) => e.checkVisibility() && !e.closest('[data-testid=recovery-sheet]') && e.id !== 'app',
        ).length,
    );
    must(seen === 0, `${seen} other things are printed`);
    const text = await sheet.innerText();
    must(text.replace(/\s/g, '').includes(key), 'the key is not on the sheet');
    must(/Hearth/.test(text) && /\d{4}/.test(text) && /salvage/.test(text), `the sheet says: ${text}`);
  } finally {
    await page.emulateMedia({ media: 'screen' });
  }
}

/** A disk that cannot be added is refused at the field, in words; the fingerprint is the box's. */
export async function disks({ page, api }) {
  await page.goto('/storage');
  const disk = page.getByTestId('disk');
  await disk.waitFor();
  must((await disk.getAttribute('data-state')) === 'well', 'the only disk is not well');
  must((await page.getByTestId('kept').count()) === 3, 'a camera is missing in the table');
  await page.getByTestId('add-disk').click();
  const path = page.locator('#disk-path');
  const said = [];
  for (const [folder, want] of [
    ['', /give the folder/],
    ['/nonexistent', /mount the disk first/],
    ['/', /disk of its own/],
  ]) {
    await path.fill(folder);
    await page.keyboard.press('Enter');
    await page.locator('#disk-path-note').filter({ hasText: want }).waitFor();
    said.push(await page.locator('#disk-path-note').textContent());
    must(await path.evaluate((e) => e === document.activeElement), 'the field has no focus');
    must((await path.getAttribute('aria-invalid')) === 'true', 'the field is not marked as wrong');
  }
  await inOrder(page);
  const { fingerprint } = await api('GET', '/storage');
  must((await page.getByTestId('fingerprint').textContent()) === fingerprint, 'another fingerprint is shown');
  return said.join(' ');
}

/** Limits are checked at the field and kept. */
export async function limits({ page, api, house }, camera) {
  await page.goto(`/cameras/${house.get(camera.name)}`);
  const name = page.locator('#camera-name');
  await until('the form knows the camera', async () => (await name.inputValue()) === camera.name);
  await page.locator('#camera-days').fill('30');
  await page.locator('#camera-gigabytes').fill('1,5');
  const events = page.locator('#camera-event_days');
  await events.fill('10');
  await page.getByTestId('save-camera').click();
  await page.locator('#camera-event_days-note.wrong').waitFor();
  must(await events.evaluate((e) => e === document.activeElement), 'the field has no focus');
  await events.fill('90');
  const hourly = page.locator('#camera-per_hour');
  await hourly.fill('241');
  await page.getByTestId('save-camera').click();
  await page.locator('#camera-per_hour-note.wrong').filter({ hasText: '240' }).waitFor();
  must(await hourly.evaluate((e) => e === document.activeElement), 'the field for events has no focus');
  await hourly.fill('6');
  await page.getByTestId('save-camera').click();
  await page.getByTestId('camera-row').first().waitFor();
  const { limits: kept, motion } = await api('GET', `/cameras/${house.get(camera.name)}`);
  must(motion.events_per_hour === 6, `kept is ${JSON.stringify(motion)}`);
  must(kept.days === 30 && kept.event_days === 90 && kept.bytes === 1.5e9, `kept are ${JSON.stringify(kept)}`);
  await page.goto('/storage');
  await page
    .getByTestId('kept')
    .filter({ hasText: camera.name })
    .filter({ hasText: /its limit of (30 days|1[.,]5 GB)/ })
    .waitFor();
}

/** A clip is saved signed: an archive with film, manifest and signature. */
export async function signed({ page, context, house }, camera) {
  await page.goto(`/camera/${house.get(camera.name)}`);
  await page.locator('[data-testid=player][data-mode=live][data-state=playing]').waitFor();
  await page.getByTestId('clip-mode').click();
  const save = page.getByTestId('export');
  must(/export\.mp4\?/.test(await save.getAttribute('href')), 'a clip is signed though nobody asked for it');
  await page.getByTestId('signed').check();
  await inOrder(page);
  const answer = await context.request.get(await save.getAttribute('href'));
  must(answer.ok() && answer.headers()['content-type'] === 'application/zip', `the box answers ${answer.status()}`);
  const zip = (await answer.body()).toString('latin1');
  for (const name of ['README.txt', 'footage.mp4', 'manifest.json', 'manifest.sig']) {
    must(zip.includes(name), `${name} is not in the archive`);
  }
  return `${zip.length} bytes`;
}

/** The marker of the box's own disk is taken away: the alarm is on every screen until it is back. */
export async function alarm({ page, data, allow }) {
  allow(/^GET \/api\/v1\/events\/[^/]+\/thumbnail\.jpg 50\d$/); // they lie on that disk
  const marker = join(data, 'media', 'volume.json');
  const alarm = page.getByTestId('alarm');
  await rename(marker, `${marker}.away`);
  let said;
  try {
    for (const path of ['/', '/events', '/cameras', '/storage']) {
      await until(`the alarm on ${path}`, async () => {
        await page.goto(path);
        return alarm.waitFor({ timeout: 2000 }).then(
          () => true,
          () => false,
        );
      });
      if (path === '/') {
        const health = await page.getByTestId('health').textContent();
        must(!/all is well/i.test(health), `Home says: ${health}`);
      }
      said = (await alarm.textContent()).replace(/\s+/g, ' ').trim();
      must(said.includes(data) && /not recorded/.test(said) && /mount it/.test(said), `the alarm says: ${said}`);
    }
    await page
      .getByTestId('disk')
      .filter({ hasText: /volume\.json is missing/ })
      .waitFor();
    await inOrder(page);
  } finally {
    await rename(`${marker}.away`, marker);
  }
  await until('the alarm is over', async () => {
    await page.goto('/storage');
    await page.getByTestId('disk').waitFor();
    return (await alarm.count()) === 0;
  });
  return said;
}

/** Diagnostics are shown whole, by keyboard, without the cameras' names; what is saved is what was asked for. */
export async function diagnostics({ page, truth }) {
  await page.goto('/storage');
  const card = page.getByTestId('diagnostics');
  await page.getByTestId('diagnostics-look').press('Enter');
  const files = card.getByTestId('diagnostics-file');
  await files.first().waitFor();
  for (const f of await files.all()) {
    if ((await f.getAttribute('open')) === null) await f.locator('summary').press('Enter');
    must((await f.locator('pre').innerText()).length > 20, `${await f.innerText()} says nothing`);
  }
  const text = (await card.locator('pre').allTextContents()).join('\n');
  must(text.includes('«camera 1»'), 'no camera is in it');
  for (const c of truth.cameras) must(!text.includes(c.name), `it names ${c.name}`);
  await inOrder(page);
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByTestId('diagnostics-save').click()]);
  must(saved.suggestedFilename() === 'hearth-diagnostics.zip', saved.suggestedFilename());
  const raw = await readFile(await saved.path());
  must(raw.subarray(0, 2).toString() === 'PK', 'what is saved is no archive');
  return `${await files.count()} texts, ${raw.length} bytes saved`;
}
