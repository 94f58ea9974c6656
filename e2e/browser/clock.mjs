// The page in Berlin on 25 October 2026, when summer time ended. Started by TestClockOnThePage, which recorded some
// minutes of that day.
import { join } from 'node:path';
import { launch, must, open, until } from './chromium.mjs';
import { steps } from './report.mjs';

const { origin, name, password, camera } = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, origin, { timezoneId: 'Europe/Berlin' });
  const { page, api } = window;
  const step = steps(window);
  await api('POST', '/session', { name, password });

  const timeline = page.getByTestId('timeline');
  const said = page.getByTestId('clock-said');
  const video = page.getByTestId('video-footage');
  const shoot = (file) => page.screenshot({ path: join(process.env.ARTIFACTS, file), animations: 'disabled' });
  /** Opens the camera at a moment of the past and waits for the picture of it. */
  const go = async (moment) => {
    await page.goto(`/camera/${camera}?at=${Date.parse(moment)}`);
    await page.locator('[data-testid=player][data-mode=footage][data-state=playing]').waitFor();
    await page.getByTestId('play').click();
    await page.locator('[data-testid=player][data-mode=footage][data-state=paused]').waitFor();
  };
  const shown = () => page.getByTestId('moment').textContent();
  const wall = () => video.evaluate((v) => Number(v.dataset.wallAtZero) + v.currentTime * 1000);

  await step('both half past two say which they are', async () => {
    await go('2026-10-25T00:29:30Z');
    const first = await shown();
    await go('2026-10-25T01:29:30Z');
    const second = await shown();
    must(/02:29:3\d CEST/.test(first), `the first says "${first}"`);
    must(/02:29:3\d CET/.test(second), `the second says "${second}"`);
    must((await said.count()) === 0, 'something is said about the clock');
    await shoot('twice-half-past-two.png');
    return `${first} / ${second}`;
  });
  await step('the day has 25 hours', async () => {
    await timeline.focus();
    await page.keyboard.press('Home');
    await page.waitForTimeout(300);
    for (let i = 0; i < 12; i++) await page.keyboard.press('-');
    await until(
      'the timeline shows a day',
      async () => Number(await timeline.getAttribute('data-span')) === 24 * 3_600_000,
    );
    const text = await timeline.getAttribute('aria-valuetext');
    must(/Sunday.? 25 October.*00:00:00/.test(text), `the start of the day is "${text}"`);
    await shoot('day-of-25-hours.png');
    await page.getByRole('button', { name: 'The day after' }).click();
    await until('the day after begins at midnight', async () =>
      /Monday.? 26 October.*00:00:00/.test(await timeline.getAttribute('aria-valuetext')),
    );
    await page.getByRole('button', { name: 'The day before' }).click();
    await until('and the day before, too', async () =>
      /Sunday.? 25 October.*00:00:00/.test(await timeline.getAttribute('aria-valuetext')),
    );
  });
  await step('what was recorded before the box knew the time is marked', async () => {
    await go('2026-10-25T03:01:00Z');
    await page.getByTestId('unsure').waitFor();
    must((await page.getByTestId('twice').count()) === 0, 'it was recorded once');
    await shoot('unsure.png');
    return page.getByTestId('unsure').textContent();
  });
  await step('what was recorded twice can be seen twice', async () => {
    const asked = [];
    page.on('request', (r) => r.url().includes('/footage?') && asked.push(r.url()));
    await go('2026-10-25T05:01:30Z');
    await page.getByTestId('twice').waitFor();
    must(!asked.some((u) => u.includes('beneath')), 'it asked for what lies beneath');
    const before = await wall();
    await shoot('twice.png');
    await page.getByTestId('take-beneath').click();
    await until('the other recording is asked for', () => asked.some((u) => u.includes('beneath=1')));
    await until('its picture is there', async () => {
      const ready = await video.evaluate((v) => v.readyState >= 2 && !v.seeking);
      return ready && Math.abs((await wall()) - before) < 1000;
    });
    await page.getByTestId('take-newest').click();
    await until('the way back', async () => (await page.getByTestId('take-newest').count()) === 0);
    return page.getByTestId('twice').textContent();
  });
  await step('no trouble', async () => {
    must(window.trouble.list.length === 0, window.trouble.list.join('\n'));
  });
} finally {
  await browser.close();
}
