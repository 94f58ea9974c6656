// Zones and masks: drawn on the live picture of a camera.
import { must, until } from "../chromium.mjs";
import { inOrder } from "./manners.mjs";

const shot = (page, name) =>
  page.screenshot({
    path: `${process.env.ARTIFACTS}/zones-${name}.png`,
    fullPage: true,
  });

/** The points of the area that is chosen, as the labels for screen readers say. */
async function shape(page) {
  const labels = await page
    .getByTestId("zone-point")
    .evaluateAll((all) => all.map((e) => e.getAttribute("aria-label")));
  return labels.map((l) =>
    l
      .match(/: (\d+) % from the left, (\d+) % from the top$/)
      .slice(1)
      .map(Number),
  );
}

export async function ready(ctx) {
  const { api, camera, masks, page } = ctx;
  const made = await api("POST", "/cameras", {
    name: camera.name,
    url: camera.address,
    detect_url: `${camera.address}/sub`,
    record: "continuous",
    motion: { sensitivity: 0.5, masks },
  });
  ctx.camera.id = made.id;
  await until(
    "the camera looks",
    async () => (await api("GET", `/cameras/${made.id}`)).vision?.looks > 3,
  );
  await page.goto(`/cameras/${made.id}`);
  await page.getByTestId("zone-editor").waitFor();
  must(
    (await page.getByTestId("zone-row").count()) === 1,
    "the mask that is there is not listed",
  );
}

/** Drags from the middle of something by some pixels. */
async function drag(page, what, dx, dy) {
  const b = await what.boundingBox();
  const [x, y] = [b.x + b.width / 2, b.y + b.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + dx / 2, y + dy / 2);
  await page.mouse.move(x + dx, y + dy);
  await page.mouse.up();
}

export async function draw({ page }) {
  await page.getByTestId("add-zone").click();
  const stage = page.getByTestId("zone-stage");
  await stage.scrollIntoViewIfNeeded();
  const { width, height } = await stage.boundingBox();
  const before = await shape(page);
  must(before.length === 4, `a new zone has ${before.length} points`);
  await drag(
    page,
    page.getByTestId("zone-point").nth(1),
    width * 0.2,
    -height * 0.2,
  );
  let now = await shape(page);
  must(
    Math.abs(now[1][0] - before[1][0] - 20) <= 1 &&
      Math.abs(now[1][1] - before[1][1] + 20) <= 1,
    `the point went from ${before[1]} to ${now[1]}`,
  );
  must(String(now[0]) === String(before[0]), "another point moved with it");
  await drag(page, page.getByTestId("zone-whole"), -width * 0.1, height * 0.1);
  const moved = await shape(page);
  must(
    moved.every(
      ([x, y], i) =>
        Math.abs(x - now[i][0] + 10) <= 1 && Math.abs(y - now[i][1] - 10) <= 1,
    ),
    `moved as a whole from ${now} to ${moved}`,
  );
  await page.getByTestId("zone-insert").nth(2).click();
  now = await shape(page);
  must(now.length === 5, "no point was put in");
  const focused = await page.evaluate(() =>
    document.activeElement.getAttribute("aria-label"),
  );
  must(/^Point 4 of 5/.test(focused), `the focus is on "${focused}"`);
  await drag(page, page.getByTestId("zone-point").nth(3), 0, height * 0.1);
  await page.locator("#zone-name").fill("Front gate");
  await page.locator("#zone-name").press("Tab");
  await page
    .getByRole("button", { name: "Change the shape of Front gate" })
    .waitFor();
  await shot(page, "drawn");
}

export async function keys({ page }) {
  const before = await shape(page);
  const first = page.getByTestId("zone-point").first();
  await first.focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  const moved = await shape(page);
  must(
    moved[0][0] === before[0][0] + 1 && moved[0][1] === before[0][1] + 5,
    `by arrow keys from ${before[0]} to ${moved[0]}`,
  );
  await page.keyboard.press("Delete");
  must(
    (await shape(page)).length === before.length - 1,
    "Delete takes no point away",
  );
  await page.keyboard.press("Control+z");
  must(
    (await shape(page)).length === before.length,
    "a step cannot be taken back by keyboard",
  );
  await page.getByTestId("zone-undo").click();
  await page.getByTestId("zone-undo").click();
  must(
    String(await shape(page)) === String(before),
    "steps are not taken back",
  );
  await page.getByTestId("zone-redo").click();
  must(
    (await shape(page))[0][0] === before[0][0] + 1,
    "a step is not done again",
  );
  await page.getByTestId("zone-undo").click();
  await page.getByTestId("zone-whole").focus();
  await page.keyboard.press("ArrowLeft");
  must(
    (await shape(page)).every(([x], i) => x === before[i][0] - 1),
    "the whole does not go by arrow keys",
  );
  await page.getByTestId("zone-undo").click();
}

export async function crossing({ page }) {
  const { height } = await page.getByTestId("zone-stage").boundingBox();
  await drag(page, page.getByTestId("zone-point").first(), 0, height * 0.6);
  await page
    .getByTestId("zone-row")
    .filter({ hasText: "cross each other" })
    .waitFor();
  await page.getByTestId("save-camera").click();
  const answer = page.getByTestId("form-wrong");
  await answer.waitFor();
  must(
    /cross/.test(await answer.textContent()),
    `the box says "${await answer.textContent()}"`,
  );
  await page.getByTestId("zone-undo").click();
  await page
    .getByText("cross each other")
    .first()
    .waitFor({ state: "detached" });
}

export async function moves({ page }) {
  await page
    .locator("[data-testid=zone-moves]")
    .first()
    .waitFor({ state: "attached", timeout: 90_000 });
  await page.getByTestId("zone-editor").screenshot({ path: `${process.env.ARTIFACTS}/zones-editor.png` });
  await shot(page, "moves");
}

export async function slider({ page, api, camera }) {
  const told = page.getByTestId("forecast");
  const slide = page.locator("#camera-sensitivity");
  const events = async () => Number(await told.getAttribute("data-events"));
  /** What the box foretells when the page asks it about settings that fit, after an act that makes them so. */
  const foretold = async (act, fit) => {
    const asked = page.waitForResponse(
      (r) =>
        /\/motion\/forecast$/.test(new URL(r.url()).pathname) &&
        fit(r.request().postDataJSON().motion),
    );
    await act();
    return (await (await asked).json()).events;
  };
  const happened = async () =>
    (await api("GET", `/events?camera=${camera.id}`)).items.filter(
      (e) => e.kind === "motion",
    ).length;
  // Somebody may come meanwhile: it is as many as before, as after, or between.
  const n = await until(
    "as many as happened",
    async () => {
      const before = await happened();
      const n = await foretold(
        async () => {
          await slide.fill("0.55"); // something to ask about
          await slide.fill("0.5");
        },
        (asked) => asked.sensitivity === 0.5,
      );
      return n > 0 && before <= n && n <= (await happened()) && n;
    },
    60_000,
  );
  await until("the page says so", async () => (await events()) === n);
  must(
    new RegExp(`would have made (${n} events|1 event) `).test(
      await told.textContent(),
    ),
    `of ${n} events it says "${await told.textContent()}"`,
  );
  const only = await foretold(
    () => page.getByLabel("Only what moves in a zone counts").check(),
    (asked) => asked.only_zones && asked.zones[0].name === "Front gate",
  );
  await until("it says what that makes", async () => (await events()) === only);
  // What the zone leaves out for being small makes no more of it.
  const least = page.locator("#zone-least");
  const large = await foretold(
    async () => {
      await least.fill("0.6");
      await least.press("Tab");
    },
    (asked) => asked.zones[0].min_size > 0.1,
  );
  must(
    large <= only && only <= n,
    `${n} events, ${only} in the zone, ${large} of what is large there`,
  );
  await until("it says that too", async () => {
    const sentence = await told.textContent();
    const said = /would have made (no event|1 event|(\d+) events) /.exec(sentence);
    return said && (await events()) === large && Number(said[2] ?? said[1].startsWith("1")) === large;
  });
  await page.getByTestId("zone-undo").click();
  return `${n} happened, ${only} of them in the zone, ${large} of what is large`;
}

export async function accessible({ page }) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await until("colours have settled", () => page.evaluate(() => document.getAnimations().length === 0));
    await inOrder(page);
    await shot(page, colorScheme);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

export async function touch({ context, page, camera }, browser, given) {
  const narrow = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    isMobile: true,
    baseURL: given.origin,
    storageState: await context.storageState(),
  });
  try {
    const small = await narrow.newPage();
    await small.goto(`/cameras/${camera.id}`);
    await small.getByTestId("add-zone").tap();
    await small.getByTestId("zone-longer").tap();
    must((await shape(small)).length === 5, "no point was added by touch");
    const point = small.getByTestId("zone-point").nth(2);
    // Not beneath the bar at the top.
    await small.getByTestId("zone-stage").evaluate((e) => e.scrollIntoView({ block: "center" }));
    const before = await shape(small);
    const b = await point.boundingBox();
    must(
      b.width >= 44 && b.height >= 44,
      `a point is ${b.width} x ${b.height} pixels to a finger`,
    );
    const touches = await narrow.newCDPSession(small);
    const [x, y] = [b.x + b.width / 2, b.y + b.height / 2];
    const send = (type, ...touchPoints) =>
      touches.send("Input.dispatchTouchEvent", { type, touchPoints });
    await send("touchStart", { x, y });
    for (const part of [0.3, 0.6, 1])
      await send("touchMove", { x: x + 30 * part, y: y + 20 * part });
    await send("touchEnd");
    const after = await shape(small);
    must(
      after[2][0] > before[2][0] + 5 && after[2][1] > before[2][1] + 5,
      `by touch from ${before[2]} to ${after[2]}`,
    );
    const wide = await small.evaluate(
      () => document.documentElement.scrollWidth,
    );
    must(wide <= 360, `the form is ${wide} pixels wide`);
    await small.getByTestId("zone-stage").scrollIntoViewIfNeeded();
    await shot(small, "narrow");
    await small.emulateMedia({ colorScheme: "dark" });
    await until("colours have settled", () => small.evaluate(() => document.getAnimations().length === 0));
    await shot(small, "narrow-dark");
    await inOrder(small);
  } finally {
    await narrow.close();
  }
}

export async function save({ page, api, camera }) {
  const before = (await api("GET", `/cameras/${camera.id}`)).vision;
  await page.getByTestId("save-camera").click();
  await page.getByTestId("camera-row").first().waitFor();
  const kept = (await api("GET", `/cameras/${camera.id}`)).motion;
  must(
    kept.zones?.length === 1 &&
      kept.zones[0].name === "Front gate" &&
      kept.zones[0].polygon.length === 5,
    JSON.stringify(kept),
  );
  must(
    kept.only_zones === true && kept.masks?.length === 1,
    JSON.stringify(kept),
  );
  const looks = await until("it goes on looking", async () => {
    const now = (await api("GET", `/cameras/${camera.id}`)).vision;
    return now.looks > before.looks + 3 && now;
  });
  must(
    looks.restarts === 0,
    `the worker was started anew ${looks.restarts} times`,
  );
}

/** Listens to what moves until enough was seen, or for so long. */
const listen = (page, id, ms) =>
  page.evaluate(
    ([id, ms]) =>
      new Promise((done) => {
        const seen = { looks: 0, moving: 0, stirred: 0 };
        const source = new EventSource(`/api/v1/cameras/${id}/motion`);
        source.addEventListener("look", (e) => {
          const look = JSON.parse(e.data);
          seen.looks++;
          if (look.moving) seen.moving++;
          if (look.needs !== undefined) seen.stirred++;
        });
        setTimeout(() => (source.close(), done(seen)), ms);
      }),
    [id, ms],
  );

export async function masked({ page, api, camera, masks }) {
  const all = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ];
  await api("PATCH", `/cameras/${camera.id}`, {
    motion: { sensitivity: 1, masks: [all] },
  });
  const hidden = await listen(page, camera.id, 30_000);
  must(
    hidden.looks > 10 && hidden.moving === 0 && hidden.stirred === 0,
    `under a mask over all: ${JSON.stringify(hidden)}`,
  );
  await api("PATCH", `/cameras/${camera.id}`, {
    motion: { sensitivity: 0.5, masks },
  });
  const seen = await until(
    "it moves again",
    async () => {
      const s = await listen(page, camera.id, 10_000);
      return s.moving > 0 && s;
    },
    90_000,
  );
  const { restarts } = (await api("GET", `/cameras/${camera.id}`)).vision;
  must(restarts === 0, `the worker was started anew ${restarts} times`);
  return `${hidden.looks} looks saw nothing under the mask; without it ${seen.moving} of ${seen.looks} moved`;
}
