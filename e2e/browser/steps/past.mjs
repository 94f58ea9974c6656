// The past: clicking and dragging on the timeline.
import { must, until } from '../chromium.mjs';

const GOP = 2000; // ms from one key frame of the simulated cameras to the next

/** Waits until this much was recorded of a camera, ms. */
async function recorded({ api, house }, camera, ms) {
  await until(
    `${ms} ms of ${camera.name} are recorded`,
    async () => {
      const [from, to] = [Date.now() - 60_000, Date.now()].map((t) => new Date(t).toISOString());
      const { spans } = await api('GET', `/cameras/${house.get(camera.name)}/timeline?from=${from}&to=${to}`);
      return spans?.some((s) => Date.parse(s.to) - Date.parse(s.from) > ms);
    },
    60_000,
  );
}

/** Where a moment lies on the timeline now. */
async function place(timeline, at) {
  const box = await timeline.boundingBox();
  const { from, span } = await timeline.evaluate((c) => ({ ...c.dataset }));
  return { x: box.x + ((at - from) / span) * box.width, y: box.y + box.height / 2, box };
}

/** The moment under a place, by the timeline that is seen now. */
async function under(timeline, x) {
  const box = await timeline.boundingBox();
  const { from, span } = await timeline.evaluate((c) => ({ ...c.dataset }));
  return Number(from) + ((x - box.x) / box.width) * Number(span);
}

/** What a video shows: its mark, and the moment that the player says. */
const shown = (video) =>
  video.evaluate((v) => ({
    ...hearthEyes.look(v),
    wall: Number(v.dataset.wallAtZero) + v.currentTime * 1000,
    settled: !v.seeking && v.readyState >= 2,
  }));

/** Clicks on several moments of the past and reads what the player shows then. */
export async function seek(ctx, camera) {
  const { page, truth } = ctx;
  await recorded(ctx, camera, 32_000);
  const timeline = page.getByTestId('timeline');
  await timeline.focus();
  const until75s = async () => Number(await timeline.getAttribute('data-span')) <= 90_000;
  await until('the timeline shows a minute', async () => (await until75s()) || (await page.keyboard.press('+')));
  const somewhere = await place(timeline, Date.now() - 24_000);
  await page.mouse.click(somewhere.x, somewhere.y);
  await page.locator('[data-testid=player][data-mode=footage][data-state=playing]').waitFor();
  await page.getByTestId('play').click(); // from here on it stands still where it is put
  await page.locator('[data-testid=player][data-mode=footage][data-state=paused]').waitFor();
  const video = page.getByTestId('video-footage');
  const told = [];
  for (const ago of [25_000, 22_300, 28_700, 20_600]) {
    const { x, y } = await place(timeline, Date.now() - ago);
    await page.mouse.move(x, y);
    await page.mouse.down();
    const clicked = await under(timeline, Math.round(x)); // while it is held the timeline stands still
    const began = performance.now();
    await page.mouse.up();
    let last;
    await until(
      'the seek shows its picture',
      async () => {
        last = await shown(video);
        const player = await page.getByTestId('player').evaluate((p) => ({ ...p.dataset }));
        last.right =
          last.camera === camera.number &&
          Math.abs(last.frame - truth.frameAt(camera, last.wall)) <= 1 &&
          Math.abs(last.wall - clicked) <= 500;
        return last.settled && player.state === 'paused' && player.shown === 'footage' && last.right;
      },
      5000,
    ).catch((e) => {
      const want = truth.frameAt(camera, last.wall);
      throw new Error(
        `${e.message}: ${ago} ms ago: camera ${last.camera} picture ${last.frame}, the player says ${want}, ` +
          `clicked ${truth.frameAt(camera, clicked)}`,
      );
    });
    const took = performance.now() - began;
    const said = Number(await page.getByTestId('moment').getAttribute('data-moment'));
    must(Math.abs(said - clicked) <= 500, `the clock under the picture is ${Math.round(said - clicked)} ms off`);
    must(Math.abs(truth.taken(camera, last.frame) - clicked) <= 500, 'the picture was taken at another moment');
    told.push(`${Math.round(took)} ms, off by ${last.frame - truth.frameAt(camera, last.wall)} pictures`);
  }
  return `seeks: ${told.join('; ')}`;
}

/** Drags over the timeline: single key frames follow the finger, and the exact picture comes when it lifts. */
export async function drag(ctx, camera) {
  const { page, truth } = ctx;
  await recorded(ctx, camera, 38_000); // all that the finger will pass over
  const timeline = page.getByTestId('timeline');
  const scrub = page.getByTestId('video-scrub');
  const now = Date.now();
  const start = await place(timeline, now - 34_000);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  const frames = [];
  for (const ago of [33_000, 31_000, 28_500, 26_000, 24_000, 22_000]) {
    const { x, y } = await place(timeline, now - ago);
    await page.mouse.move(x, y, { steps: 4 });
    const wanted = await under(timeline, Math.round(x));
    const began = performance.now();
    let last;
    await until(
      'the frame under the finger',
      async () => {
        last = await shown(scrub);
        const player = await page.getByTestId('player').getAttribute('data-shown');
        // The key frame at or before the moment, so at most a GOP back.
        return player === 'scrub' && last.settled && wanted - last.wall > -100 && wanted - last.wall < GOP + 200;
      },
      5000,
    ).catch((e) => {
      throw new Error(`${e.message}: wanted ${new Date(wanted).toISOString()}, shows ${JSON.stringify(last)}`);
    });
    must(last.camera === camera.number, `a frame of camera ${last.camera} under the finger`);
    const off = last.frame - truth.frameAt(camera, last.wall);
    must(Math.abs(off) <= 1, `the frame under the finger is ${off} pictures off`);
    frames.push({ frame: last.frame, took: performance.now() - began });
  }
  must(new Set(frames.map((f) => f.frame)).size >= 4, `only the frames ${frames.map((f) => f.frame)} were shown`);
  await page.mouse.up();
  const video = page.getByTestId('video-footage');
  await until(
    'the picture after the drag',
    async () => {
      const last = await shown(video);
      const player = await page.getByTestId('player').getAttribute('data-shown');
      return (
        player === 'footage' &&
        last.settled &&
        last.camera === camera.number &&
        Math.abs(truth.taken(camera, last.frame) - (now - 22_000)) <= 500
      );
    },
    5000,
  );
  return `${frames.length} frames under the finger, each after ${frames.map((f) => Math.round(f.took)).join(', ')} ms`;
}

/** Plays on from where it stands, then goes to the present. */
export async function playOn({ page, truth }, camera) {
  await page.getByTestId('play').click();
  const frames = await page.getByTestId('video-footage').evaluate((v) => hearthEyes.frames(v, 45, 10_000));
  truth.check(camera, frames, 45);
  const missing = frames.at(-1).frame - frames[0].frame + 1 - frames.length;
  await page.getByTestId('go-live').click();
  await page.locator('[data-testid=player][data-mode=live][data-state=playing]').waitFor();
  const live = await page.getByTestId('video-live').evaluate((v) => hearthEyes.frames(v, 5, 5000));
  truth.check(camera, live, 5);
  return `45 pictures played, ${missing} between them not shown`;
}
