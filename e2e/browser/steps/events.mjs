// What happened: cards, clips, keys.
import { must, until } from '../chromium.mjs';

const finished = async (api) => (await api('GET', '/events?limit=50')).items.filter((e) => e.end && e.has_thumb);

/** Waits for two events that are over and agree with who walked through. */
export async function happen({ api, truth, house }) {
  const events = await until(
    'two events are over',
    async () => {
      const all = (await finished(api)).filter((e) => camera(truth, house, e));
      return all.length >= 2 && all;
    },
    100_000,
  );
  for (const e of events) {
    const c = camera(truth, house, e);
    const [from, to] = [Date.parse(e.start), Date.parse(e.end)];
    must(
      c.visits.some((v) => v.from < to && v.to > from),
      `an event of ${c.name} from ${e.start} to ${e.end}, when nobody was there`,
    );
  }
  return events
    .map((e) => `${camera(truth, house, e).name}, ${(Date.parse(e.end) - Date.parse(e.start)) / 1000} s`)
    .join('; ');
}

const camera = (truth, house, e) => truth.cameras.find((c) => c.masked && house.get(c.name) === e.camera);

/** A press on a card plays what happened, in its place. */
export async function play({ page, api, truth, house }) {
  const event = (await finished(api)).find((e) => camera(truth, house, e));
  const c = camera(truth, house, event);
  await page.getByRole('link', { name: 'Events' }).first().click();
  const card = page.locator(`[data-event="${event.id}"]`);
  const thumb = await card.getByTestId('thumbnail').evaluate(async (img) => {
    await img.decode();
    return { ...hearthEyes.look(img), width: img.naturalWidth };
  });
  must(thumb.camera === c.number, `the thumbnail is of camera ${thumb.camera}, want ${c.number}`);
  must(thumb.width === 640, `the thumbnail is ${thumb.width} pixels wide`);
  const [start, end] = [Date.parse(event.start), Date.parse(event.end)];
  const taken = truth.taken(c, thumb.frame);
  must(taken > start - 500 && taken < end + 500, 'the thumbnail was not taken during the event');

  const began = performance.now();
  await card.locator('.picture').click();
  const clip = card.getByTestId('clip');
  await clip.waitFor({ state: 'attached' });
  const frames = await clip.evaluate((v) => hearthEyes.frames(v, 40, 10_000));
  const took = performance.now() - began;
  truth.check(c, frames, 40);
  must(frames.at(-1).media > frames[0].media + 1, 'the clip does not move on');
  for (const f of frames) {
    const wall = truth.taken(c, f.frame);
    must(wall > start - 3500 && wall < end + 2500, `a picture of ${new Date(wall).toISOString()} in the clip`);
  }
  await card.locator('.picture').click();
  await clip.waitFor({ state: 'detached' });
  return `${frames.length} pictures of ${c.name} within ${Math.round(took)} ms of the press, from ${Math.round(truth.taken(c, frames[0].frame) - start)} ms after the event's start on`;
}

/** A pointer that rests on a card sees what happened in short, unless it wants no motion. */
export async function preview({ page, api, truth, house }) {
  const event = (await finished(api)).find((e) => camera(truth, house, e));
  const c = camera(truth, house, event);
  const card = page.locator(`[data-event="${event.id}"]`);
  const away = () => page.mouse.move(1, 1);
  const film = card.getByTestId('preview');

  await away();
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await card.locator('.picture').hover();
  await page.waitForTimeout(1000);
  must((await film.count()) === 0, 'a card moves for who wants no motion');
  await page.emulateMedia({ reducedMotion: null });
  await away();

  await card.locator('.picture').hover();
  await film.waitFor({ state: 'attached' });
  const frames = await film.evaluate((v) => hearthEyes.frames(v, 8, 15_000));
  const [start, end] = [Date.parse(event.start), Date.parse(event.end)];
  for (const f of frames) {
    must(f.camera === c.number, `a picture of camera ${f.camera} in the preview, want ${c.number}`);
    const wall = truth.taken(c, f.frame);
    must(wall > start - 5500 && wall < end + 10_500, `a picture of ${new Date(wall).toISOString()} in the preview`);
  }
  const length = await film.evaluate((v) => v.duration);
  must(length > 2.9 && length < 3.1, `the preview lasts ${length} s`);
  const width = await film.evaluate((v) => v.videoWidth);
  must(width === 320, `the preview is ${width} pixels wide, and not of the small stream`);
  await away();
  await film.waitFor({ state: 'detached' });
  return `${new Set(frames.map((f) => f.frame)).size} pictures of ${c.name} in ${length} s`;
}

/** j and k walk, s marks as seen, h keeps. */
export async function keys({ page, api }) {
  const cards = page.getByTestId('event');
  const order = await cards.evaluateAll((all) => all.map((c) => c.dataset.event));
  must(order.length >= 2, `${order.length} cards`);
  await page.getByRole('heading', { name: 'Events', exact: true }).click();
  const here = () => page.evaluate(() => document.activeElement?.closest('[data-event]')?.dataset.event);
  for (const [key, want] of [
    ['j', 0],
    ['j', 1],
    ['k', 0],
  ]) {
    await page.keyboard.press(key);
    must((await here()) === order[want], `after ${key} the focus is not on card ${want}`);
  }
  const event = () => api('GET', `/events/${order[0]}`);
  await page.keyboard.press('s');
  await until('s marks the event as seen', async () => (await event()).reviewed);
  must((await cards.first().getByTestId('seen').getAttribute('aria-pressed')) === 'true', 'the card does not say so');
  await page.keyboard.press('h');
  await until('h keeps the event', async () => (await event()).held);
  await page.keyboard.press('h');
  await until('h lets it go again', async () => !(await event()).held);
}
