// What somebody sees who types `make run`. Started by TestDemo before the demo is, so that the browser is open already;
// TestDemo then says on standard input where the demo is, and later that there is something to take pictures of.
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { launch, must, open, until } from './chromium.mjs';
import { steps, say } from './report.mjs';

const { folder } = JSON.parse(process.env.GIVEN);
const told = createInterface({ input: process.stdin });
const hear = async () => JSON.parse((await once(told, 'line'))[0]);

const browser = await launch();
try {
  const blank = await browser.newPage(); // a browser that is open has a window, and everything that one needs
  await blank.evaluate(() => new Promise((done) => requestIdleCallback(done)));
  say({ name: 'the browser is open', ok: true });
  const { origin, user, password, numbers, began } = await hear();
  const window = await open(browser, origin);
  const { page, api } = window;
  const step = steps(window);

  await step('two live cameras', async () => {
    await api('POST', '/session', { name: user, password });
    await page.goto('/');
    const playing = Object.entries(numbers).map(async ([name, number]) => {
      const video = page.getByTestId('tile').filter({ hasText: name }).getByTestId('tile-video');
      await until(`${name} plays`, async () => {
        const frames = await video.evaluate((v) => hearthEyes.frames(v, 3, 1000));
        const [first, , third] = frames;
        if (!third) return false;
        must(
          frames.every((f) => f.camera === number),
          `the tile of ${name} shows camera ${first.camera}, want ${number}`,
        );
        return third.frame > first.frame;
      });
      return Date.now() - began;
    });
    const ms = await Promise.all(playing);
    const said = `playing ${ms.join(' and ')} ms after the start of the process`;
    must(Math.max(...ms) < 5000, `${said}; want less than 5000`);
    return said;
  });

  const { event, camera } = await hear(); // somebody walks through that camera's picture, or did a moment ago
  const shoot = (name) => page.screenshot({ path: join(folder, name), animations: 'disabled' });
  /** All pictures on the page are there, and so are the fonts and the videos. */
  const settled = () =>
    until('the page is complete', () =>
      page.evaluate(
        () =>
          [...document.querySelectorAll('main img')].every((i) => i.complete && i.naturalWidth > 0) &&
          [...document.querySelectorAll('[data-testid=tile] video')].every((v) => v.readyState >= 3 && !v.seeking) &&
          !document.querySelector('.skeleton'),
      ),
    );

  await step('picture of Home', async () => {
    await page.goto('/');
    for (const name of Object.keys(numbers)) {
      const tile = page.getByTestId('tile').filter({ hasText: name });
      const frames = await tile.getByTestId('tile-video').evaluate((v) => hearthEyes.frames(v, 20, 5000));
      must(frames.length === 20, `${name} does not play`);
    }
    await page.locator(`[data-event="${event}"] img`).waitFor();
    await page.getByTestId('recovery-not-today').click(); // asked of every new owner, but no part of every day
    await settled();
    await shoot('home.png');
  });
  await step('picture of a camera', async () => {
    await page.goto(`/camera/${camera}`);
    await page.locator('[data-testid=player][data-mode=live][data-state=playing]').waitFor();
    await page.getByTestId('event').first().locator('.picture').waitFor();
    const frames = await page.getByTestId('video-live').evaluate((v) => hearthEyes.frames(v, 20, 5000));
    must(frames.length === 20, 'the camera does not play');
    await page.getByTestId('timeline').focus();
    const span = async () => Number(await page.getByTestId('timeline').getAttribute('data-span'));
    await until(
      'the timeline shows some minutes',
      async () => (await span()) < 400_000 || (await page.keyboard.press('+')),
    );
    await page.evaluate(() => document.activeElement.blur());
    await settled();
    await shoot('camera.png');
  });
  await step('picture of Events', async () => {
    await page.goto('/events');
    await page.locator(`[data-event="${event}"] img`).waitFor();
    await settled();
    await shoot('events.png');
  });
} finally {
  told.close();
  process.stdin.destroy();
  await browser.close();
}
