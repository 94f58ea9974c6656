// Looking away: the switch on tile, screen and house, the hours, what is shown meanwhile.
import { must, until } from "../chromium.mjs";
import { ask } from "./manners.mjs";

const picture = (page, name) =>
  page.screenshot({
    path: `${process.env.ARTIFACTS}/${name}.png`,
    fullPage: true,
  });
const tileOf = ({ page, house }, name) =>
  page.locator(`[data-testid=tile][data-camera="${house.get(name)}"]`);
const switchOf = ({ page, house }, name) =>
  page.locator(`[data-testid=shutter][data-camera="${house.get(name)}"]`);

async function shows(ctx, name, status) {
  await until(
    `${name} is ${status}`,
    async () =>
      (await tileOf(ctx, name).getAttribute("data-status")) === status,
  );
}

/** How much of a tile is a picture: a still one, what was kept of live, a video that is seen. */
const pictures = (tile) =>
  tile.evaluate(
    (e) => e.querySelectorAll("img, canvas:not(.hidden), video.there").length,
  );

export async function wall(ctx) {
  const { page, api, house, cameras } = ctx;
  for (const c of cameras) {
    const made = await api("POST", "/cameras", {
      name: c.name,
      url: c.address,
      username: c.user,
      password: c.password,
      motion: { sensitivity: 0.5, off: true },
    });
    house.set(c.name, made.id);
  }
  await page.goto("/");
  for (const c of cameras) {
    await shows(ctx, c.name, "online");
    await until(
      `a picture of ${c.name}`,
      async () => (await pictures(tileOf(ctx, c.name))) > 0,
    );
  }
}

export async function tile(ctx) {
  const [c, other] = ctx.cameras;
  await switchOf(ctx, c.name).focus();
  await ctx.page.keyboard.press("Enter");
  await shows(ctx, c.name, "private");
  const it = tileOf(ctx, c.name);
  must(
    /Private/.test(await it.innerText()) && /since/.test(await it.innerText()),
    `it says ${await it.innerText()}`,
  );
  await until(
    "no picture is left of it",
    async () => (await pictures(it)) === 0,
  );
  must(
    (await switchOf(ctx, c.name).getAttribute("aria-pressed")) === "true",
    "the switch does not say that it is on",
  );
  must(
    (await tileOf(ctx, other.name).getAttribute("data-status")) === "online",
    "the other one changed as well",
  );
  must(
    /1 private/.test(await ctx.page.getByTestId("health").innerText()),
    "the line of health does not say it",
  );
  must(
    !/needs a look/.test(await ctx.page.getByTestId("health").innerText()),
    "a private camera is an alarm",
  );
  await picture(ctx.page, "privacy-home");
}

export async function screen(ctx) {
  const { page } = ctx;
  const [c] = ctx.cameras;
  await tileOf(ctx, c.name).click();
  const player = page.getByTestId("player");
  await player
    .getByText(/^Private/)
    .first()
    .waitFor();
  must(
    (await player.locator("video.on").count()) === 0 ||
      !(await player
        .locator("video.on")
        .first()
        .evaluate((v) => v.readyState)),
    "a picture is shown",
  );
  must((await player.locator("img").count()) === 0, "a still picture is shown");
  await page.locator("[data-testid=timeline][data-span]").waitFor();
  await picture(page, "privacy-camera");
}

export async function again(ctx) {
  const { page } = ctx;
  const [c] = ctx.cameras;
  await switchOf(ctx, c.name).click();
  await until(
    "live again",
    async () =>
      (await page.getByTestId("player").getAttribute("data-state")) ===
      "playing",
  );
  await until(
    "the switch is off",
    async () =>
      (await switchOf(ctx, c.name).getAttribute("aria-pressed")) === "false",
  );
}

export async function hours(ctx) {
  const { page, api, house } = ctx;
  const [c] = ctx.cameras;
  await page.goto(`/cameras/${house.get(c.name)}`);
  await page.getByTestId("private-add").click();
  const entry = page.getByTestId("private-entry");
  await entry.getByLabel("Sunday").focus();
  await page.keyboard.press("Space");
  await entry.getByLabel("From").fill("21:15");
  await entry.getByLabel("To").fill("21:20");
  await picture(page, "privacy-hours");
  await page.getByTestId("save-camera").click();
  await page.getByRole("heading", { name: "Cameras", exact: true }).waitFor();
  const { privacy } = await api("GET", `/cameras/${house.get(c.name)}`);
  const want = [
    {
      days: ["mon", "tue", "wed", "thu", "fri", "sat"],
      from: "21:15",
      to: "21:20",
    },
  ];
  must(
    JSON.stringify(privacy.schedule) === JSON.stringify(want),
    `kept ${JSON.stringify(privacy.schedule)}`,
  );
  await page.goto(`/cameras/${house.get(c.name)}`);
  await entry.getByRole("button").click();
  await page.getByTestId("save-camera").click();
  await page.getByRole("heading", { name: "Cameras", exact: true }).waitFor();
  must(
    (await api("GET", `/cameras/${house.get(c.name)}`)).privacy.schedule
      .length === 0,
    "the hours are still there",
  );
}

export async function whole(ctx) {
  const { page } = ctx;
  await page.goto("/");
  await page.getByTestId("house-shutter").click();
  for (const c of ctx.cameras) await shows(ctx, c.name, "private");
  await picture(page, "privacy-house");
  await page.setViewportSize({ width: 360, height: 740 });
  await picture(page, "privacy-narrow");
  must(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 360,
    "Home is wider than 360 pixels",
  );
  await page.setViewportSize({ width: 1280, height: 800 });
}

export async function log({ page }) {
  await page.goto("/log");
  await page
    .getByText(/made the whole house private/)
    .first()
    .waitFor();
}

export async function accessible(ctx) {
  const id = ctx.house.get(ctx.cameras[0].name);
  return ask(ctx.context ?? ctx.page.context(), [
    ["/", "[data-testid=house-shutter]"],
    [`/cameras/${id}`, "[data-testid=private-add]"],
    [`/camera/${id}`, "[data-testid=timeline][data-span]"],
  ]);
}
