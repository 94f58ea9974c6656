// Opens Debian's Chromium with nothing in it, and watches it for what a page of Hearth must never do.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const markReader = readFileSync(new URL('../../nvr/sim/mark/mark.js', import.meta.url), 'utf8').replace(
  /^export /m,
  '',
);
const eyes = `(() => { ${markReader}\n${readFileSync(new URL('eyes.js', import.meta.url), 'utf8')} })();`;

/** How long a condition may take to come true, ms. A condition that has to be fast says so itself. */
export const PATIENCE = 20_000;

/** `home` is where Chromium looks for what it trusts, beside what the system does. */
export function launch(home) {
  return chromium.launch({
    ...(home ? { env: { ...process.env, HOME: home } } : {}),
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

/**
 * Opens a window at 1280x800 in the light theme. `trouble` fills with everything that the page says or does amiss:
 * errors, requests to elsewhere, violations of its policy. An answer of 4xx is trouble too, unless `allow`ed. `more` are
 * further options of the window.
 */
export async function open(browser, origin, more = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    locale: 'en-GB',
    baseURL: origin,
    ...more,
  });
  context.setDefaultTimeout(PATIENCE);
  const trouble = { step: '', list: [], push: (text) => trouble.list.push(`${trouble.step}: ${text}`) };
  const allowed = [];
  await context.exposeFunction('hearthTrouble', (text) => trouble.push(text));
  await context.addInitScript(eyes);
  const page = await context.newPage();

  page.on('console', (m) => {
    if (m.type() !== 'error' && m.type() !== 'warning') return;
    const where = m.location().url;
    // The browser says each answer of 4xx and 5xx aloud; those are judged below, where method and status are known.
    if (/Failed to load resource: the server responded with a status/.test(m.text())) return;
    trouble.push(`console ${m.type()}: ${m.text()} (${where})`);
  });
  page.on('pageerror', (e) => trouble.push(`uncaught: ${e.stack ?? e.message}`));
  page.on('response', (r) => {
    if (r.status() < 400) return;
    const line = `${r.request().method()} ${new URL(r.url()).pathname} ${r.status()}`;
    if (!allowed.some((a) => a.test(line))) trouble.push(`answer: ${line}`);
  });
  const host = new URL(origin).host;
  const home = (address) => {
    const u = new URL(address);
    if (!['data:', 'blob:'].includes(u.protocol) && u.host !== host) trouble.push(`asked elsewhere: ${address}`);
  };
  context.on('request', (r) => home(r.url()));
  page.on('websocket', (w) => home(w.url()));

  const api = async (method, path, data) => {
    const answer = await context.request.fetch(`/api/v1${path}`, { method, data, headers: { Origin: origin } });
    if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.status() === 204 ? undefined : answer.json();
  };
  return { context, page, api, trouble, allow: (...lines) => allowed.push(...lines) };
}

/** Asks again and again until the answer is truthy, and gives it. */
export async function until(what, ask, within = PATIENCE) {
  for (const end = Date.now() + within; ;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${within} ms`);
    await new Promise((again) => setTimeout(again, 100));
  }
}

export function must(holds, sentence) {
  if (!holds) throw new Error(sentence);
}
