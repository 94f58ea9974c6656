// Looking away: the switch on tile, screen and house, the hours, what is shown meanwhile.
import { must, until } from "../chromium.mjs";
import { ask, inOrder } from "./manners.mjs";

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

const undo = ({ page }) =>
  page.getByRole("button", { name: "Undo", exact: true });

/** The end is chosen after the switch, and what was before comes back. */
export async function ends(ctx) {
  const { page, api, house } = ctx;
  const [c] = ctx.cameras;
  const it = tileOf(ctx, c.name);
  const rule = async () =>
    (await api("GET", `/cameras/${house.get(c.name)}`)).privacy;
  const menu = page.getByLabel(`How long ${c.name} stays private`);
  must(
    (await menu.locator("option:checked").innerText()) ===
      "Until I switch it back",
    "the menu says another end",
  );
  await menu.selectOption({ label: "For an hour" });
  await until("the tile says until when", async () =>
    /Private until \d/.test(await it.innerText()),
  );
  const away = Date.parse((await rule()).until) - Date.now();
  must(away > 3_300_000 && away <= 3_600_000, `it ends in ${away} ms`);
  must(
    /^Until \d/.test(await menu.locator("option:checked").innerText()),
    "the menu does not say the end",
  );
  await picture(page, "privacy-until");
  await inOrder(page);
  must(
    (await undo(ctx).count()) === 1,
    "a way back to what is no more is offered too",
  );
  await undo(ctx).click();
  await until(
    "it has no end, as before",
    async () => !/until/.test(await it.innerText()),
  );
  const now = await rule();
  must(now.on && !now.until, `after undo it is ${JSON.stringify(now)}`);
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
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "privacy-camera-narrow");
  must(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 360,
    "a private camera's screen is wider than 360 pixels",
  );
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(size);
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

/** The house's own hours, from Home. */
export async function houseHours(ctx) {
  const { page, api } = ctx;
  const kept = async () =>
    JSON.stringify((await api("GET", "/settings")).privacy.schedule);
  await page.goto("/");
  const opener = page.getByTestId("house-hours-open");
  await opener.focus();
  await page.keyboard.press("Enter");
  const form = page.getByTestId("house-hours");
  await form.getByRole("button", { name: "Cancel" }).click();
  await until("the focus is where it was", () =>
    opener.evaluate((e) => e === document.activeElement),
  );
  await opener.click();
  await page.getByTestId("private-add").click();
  // Hours of another day than today and tomorrow: nothing is to be private by them now.
  const day = (await page.evaluate(() => new Date().getDay())) + 3;
  const names = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
  ];
  const entry = form.getByTestId("private-entry");
  for (const name of names.filter((_, i) => i !== day % 7))
    await entry.getByLabel(name).uncheck({ force: true });
  await entry.getByLabel("From").fill("08:15");
  await entry.getByLabel("To").fill("08:20");
  await picture(page, "privacy-house-hours");
  await inOrder(page);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "privacy-house-hours-narrow");
  must(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 360,
    "the hours are wider than 360 pixels",
  );
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(size);
  await page.getByTestId("house-hours-save").click();
  await form.waitFor({ state: "detached" });
  const want = [
    {
      days: [names[day % 7].slice(0, 3).toLowerCase()],
      from: "08:15",
      to: "08:20",
    },
  ];
  must(
    (await kept()) === JSON.stringify(want),
    `the house keeps ${await kept()}`,
  );
  await undo(ctx).click();
  await until("the hours are gone again", async () => (await kept()) === "[]");
}

export async function whole(ctx) {
  const { page, api } = ctx;
  await page.goto("/");
  await page.getByTestId("house-shutter").click();
  for (const c of ctx.cameras) await shows(ctx, c.name, "private");
  await undo(ctx).click();
  for (const c of ctx.cameras) await shows(ctx, c.name, "online");
  await page.getByTestId("house-shutter").click();
  for (const c of ctx.cameras) await shows(ctx, c.name, "private");
  await page
    .getByLabel("How long the house stays private")
    .selectOption({ label: "For an hour" });
  await tileOf(ctx, ctx.cameras[0].name)
    .getByText(/The house is private until \d/)
    .waitFor();
  must(
    Date.parse((await api("GET", "/settings")).privacy.until) > Date.now(),
    "the house's privacy has no end",
  );
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
