// The log: who looked at what, as an owner asks it.
import { must, until } from '../chromium.mjs';
import { inOrder } from './manners.mjs';

/** "Who saw this camera" finds who looks at this moment; an hour in which nobody looked is empty; the log is saved. */
export async function whoSaw({ page, house }, camera) {
  await page.goto('/log');
  const lines = page.getByTestId('log-lines').locator('li');
  await lines.first().waitFor();
  must(!(await page.getByTestId('log-trouble').isVisible()), 'the log does not hold together');
  const id = house.get(camera.name);
  await page.locator('#log-camera').selectOption(id);
  const who = page.getByTestId('log-who');
  await who.waitFor();
  const field = (ms) => {
    const t = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
    return t.toISOString().slice(0, 16);
  };
  await page.locator('#log-from').fill(field(Date.now() - 3600_000));
  await page.locator('#log-to').fill(field(Date.now() + 120_000));
  await until('somebody saw it', async () => {
    const texts = await lines.allTextContents();
    return texts.length > 0 && texts.every((t) => t.includes(camera.name));
  });
  const found = await lines.count();
  await inOrder(page);
  await page.locator('#log-to').fill(field(Date.now() - 7200_000));
  await page.locator('#log-who-help.wrong').waitFor();
  await page.locator('#log-from').fill(field(Date.now() - 10 * 3600_000));
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=log-lines]').length === 0);
  await page.goto('/log?denied=true'); // a filter is an address
  must(await page.locator('input[type=checkbox]').isChecked(), 'the address does not say what is shown');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByTestId('log-save').click()]);
  must(/^Log .*\.jsonl$/.test(saved.suggestedFilename()), saved.suggestedFilename());
  return `${found} lines`;
}
