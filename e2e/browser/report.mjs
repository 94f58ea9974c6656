// Tells the Go test that started this script how each step went: one line of JSON per step.
import { join } from 'node:path';

export function say(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

/** The steps of one window. A step that fails leaves a picture of the page behind; gives whether it went well. */
export function steps({ page, trouble }) {
  let failed = 0;
  return async (name, act) => {
    const began = performance.now();
    trouble.step = name;
    const ms = () => Math.round(performance.now() - began);
    try {
      const detail = await act();
      say({ name, ok: true, ms: ms(), detail: detail ?? '' });
      return true;
    } catch (e) {
      const file = join(process.env.ARTIFACTS, `failed-${++failed}.png`);
      await page.screenshot({ path: file, timeout: 5000 }).catch(() => undefined);
      say({ name, ok: false, ms: ms(), detail: `${e.message}\n${page.url()}\npicture: ${file}` });
      return false;
    }
  };
}

/** The value below which a part of the values lies. */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
