// How the page behaves everywhere: on a small screen, and toward the world.
import { readFileSync } from 'node:fs';
import { must, until } from '../chromium.mjs';

const axe = readFileSync(new URL('../../../web/ui/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** At 360 pixels nothing has to be pushed sideways. */
export async function narrow({ page, house }, camera) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  try {
    for (const [path, ready] of [
      ['/', '[data-testid=tile]'],
      ['/events', '[data-testid=event]'],
      [`/camera/${house.get(camera.name)}`, '[data-testid=timeline][data-span]'],
      ['/cameras', '[data-testid=camera-row]'],
      ['/cameras/new', '[data-testid=camera-form]'],
      ['/storage', '[data-testid=kept]'],
      ['/away', '[data-testid=way-in]'],
      ['/log', '[data-testid=log-lines]'],
    ]) {
      await page.goto(path);
      await page.locator(ready).first().waitFor();
      await page.screenshot({
        path: `${process.env.ARTIFACTS}/narrow${path.replaceAll('/', '-').slice(0, 10)}.png`,
      });
      const wide = await page.evaluate(() => {
        const scrolls = (e) =>
          e && (/auto|scroll|hidden|clip/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
        return {
          page: document.documentElement.scrollWidth,
          out: [...document.querySelectorAll('main *, header *')]
            .filter(
              (e) =>
                e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement),
            )
            .map((e) => `${e.localName}.${e.className}`)
            .slice(0, 5),
        };
      });
      must(wide.page <= 360, `${path} is ${wide.page} pixels wide`);
      must(wide.out.length === 0, `${path}: out of the screen: ${wide.out}`);
    }
  } finally {
    await page.setViewportSize(size);
  }
}

/** What axe finds on some screens in both schemes, in a window that axe is in. */
export async function ask(context, screens) {
  const page = await context.newPage();
  try {
    await page.addInitScript(axe);
    const found = [];
    let passes = 0;
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const [path, ready] of screens) {
        await page.goto(path);
        await page.locator(ready).first().waitFor();
        await until('nothing is on its way in', () =>
          page.evaluate(
            () =>
              !document.querySelector('main .skeleton') &&
              document.getAnimations().every((a) => a.effect.getComputedTiming().endTime === Infinity),
          ),
        );
        const result = await page.evaluate((values) => axe.run(document, { runOnly: { type: 'tag', values } }), RULES);
        passes += result.passes.length;
        for (const v of result.violations) {
          found.push(`${path} (${colorScheme}): ${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 160))}`);
        }
      }
    }
    must(found.length === 0, found.join('\n'));
    return `${passes} rules hold on ${screens.length} screens in two schemes`;
  } finally {
    await page.close();
  }
}

/** Fails when axe finds something in what the page shows now. */
export async function inOrder(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (values) => axe.run(document, { runOnly: { type: 'tag', values } }),
    RULES,
  );
  const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 160))}`);
  must(found.length === 0, found.join('\n'));
}

/** The Web Content Accessibility Guidelines 2.2 AA, as far as a program can tell. */
export const accessible = ({ context, house }, camera) =>
  ask(context, [
    ['/', '[data-testid=event] img'],
    ['/events', '[data-testid=event] img'],
    [`/camera/${house.get(camera.name)}`, '[data-testid=player][data-state=playing]'],
    ['/cameras', '[data-testid=camera-row]'],
    ['/cameras/new', '[data-testid=camera-form]'],
    [`/cameras/${house.get(camera.name)}`, '[data-testid=save-camera]'],
    ['/storage', '[data-testid=kept]'],
    ['/away', '[data-testid=way-in]'],
  ]);

export async function accessibleDoor({ page, context }) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByRole('link', { name: /trust the box/ }).click();
  await page.getByRole('heading', { name: 'Trust your Hearth' }).waitFor();
  for (const d of await page.locator('details').all())
    if ((await d.getAttribute('open')) === null) await d.locator('summary').press('Enter');
  await page.screenshot({
    path: `${process.env.ARTIFACTS}/trust.png`,
    fullPage: true,
  });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  must(wide <= 360, `/trust is ${wide} pixels wide`);
  await page.setViewportSize(size);
  await page.goto('/events'); // where logging in leads to
  return ask(context, [
    ['/', '[data-testid=login]'],
    ['/trust', 'details[open]'],
  ]);
}

/** All that the page said or did amiss since it was opened. */
export function clean({ trouble }) {
  must(trouble.list.length === 0, [...new Set(trouble.list)].join('\n'));
}
