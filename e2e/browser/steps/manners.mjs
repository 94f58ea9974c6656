// How the page behaves everywhere: on a small screen, and toward the world.
import { must } from '../chromium.mjs';

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
    ]) {
      await page.goto(path);
      await page.locator(ready).first().waitFor();
      await page.screenshot({ path: `${process.env.ARTIFACTS}/narrow${path.replaceAll('/', '-').slice(0, 10)}.png` });
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

/** All that the page said or did amiss since it was opened. */
export function clean({ trouble }) {
  must(trouble.list.length === 0, [...new Set(trouble.list)].join('\n'));
}
