// Cameras that send AV1 and Motion JPEG, in a window of its own. Started by TestOtherCodecs.
import { launch, must, open, until } from "./chromium.mjs";
import { steps } from "./report.mjs";

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
const shot = (page, name) =>
  page.screenshot({ path: `${process.env.ARTIFACTS}/codecs-${name}.png` });

/** The mark of what an element of this page shows, once there is one. */
const shows = (page, selector, number) =>
  until(`${selector} shows camera ${number}`, async () => {
    const seen = await page
      .locator(selector)
      .first()
      .evaluate((e) => hearthEyes.look(e))
      .catch(() => undefined);
    return seen?.camera === number && seen;
  });

try {
  const window = await open(browser, given.origin);
  const { page, api, trouble } = window;
  // Who is not logged in yet, who asks a camera for a picture that has none yet, or for what was not recorded.
  window.allow(
    /^GET \/api\/v1\/session 401$/,
    /^GET \/api\/v1\/cameras\/[^/]+\/snapshot\.jpg 503$/,
    /^GET \/api\/v1\/cameras\/[^/]+\/(footage|frame) 404$/,
  );
  const step = steps(window);
  const player = page.getByTestId("player");
  /** Plays what was recorded ten seconds ago. */
  const past = async () => {
    const timeline = page.getByTestId("timeline");
    await timeline.waitFor();
    await timeline.focus();
    await until(
      "the timeline shows a minute",
      async () =>
        Number(await timeline.getAttribute("data-span")) <= 90_000 ||
        (await page.keyboard.press("+")),
    );
    await until("the past is shown", async () => {
      const box = await timeline.boundingBox();
      const { from, span } = await timeline.evaluate((c) => ({ ...c.dataset }));
      await page.mouse.click(
        box.x + ((Date.now() - 10_000 - from) / span) * box.width,
        box.y + box.height / 2,
      );
      await page.waitForTimeout(300); // it may just be growing
      return (await player.getAttribute("data-mode")) === "footage";
    });
  };

  await api("POST", "/session", given.owner);
  await step("AV1 is seen live", async () => {
    await page.goto(`/camera/${given.ids.Yard}`);
    await page
      .locator("[data-testid=player][data-state=playing]")
      .waitFor();
    await shows(page, "[data-testid=video-live]", given.numbers.Yard);
  });
  await step("AV1 of the past is played", async () => {
    await past();
    await page
      .locator("[data-testid=player][data-mode=footage][data-state=playing]")
      .waitFor();
    const first = await shows(
      page,
      "[data-testid=video-footage]",
      given.numbers.Yard,
    );
    await until("it goes on", async () => {
      const now = await shows(
        page,
        "[data-testid=video-footage]",
        given.numbers.Yard,
      );
      return now.frame !== first.frame;
    });
    await shot(page, "av1");
  });
  await step("of Motion JPEG there are still pictures, and the page says why", async () => {
    await page.goto(`/camera/${given.ids.Shed}`);
    await page
      .locator("[data-testid=player][data-state=unplayable]")
      .waitFor();
    await player.getByText("browsers do not play Motion JPEG").waitFor();
    const first = await shows(
      page,
      "[data-testid=player] [data-testid=snapshot]",
      given.numbers.Shed,
    );
    await until("another picture comes", async () => {
      const now = await shows(
        page,
        "[data-testid=player] [data-testid=snapshot]",
        given.numbers.Shed,
      );
      return now.frame !== first.frame;
    });
    await shot(page, "mjpeg-live");
  });
  await step("nor is what was recorded a black box", async () => {
    await past();
    await page
      .locator("[data-testid=player][data-state=unplayable]")
      .waitFor();
    await player.getByText("Save it as a clip").waitFor();
    await shot(page, "mjpeg-past");
  });
  await step("on the wall each shows its own", async () => {
    await page.goto("/");
    const tile = (name) => `[data-testid=tile][data-camera="${given.ids[name]}"]`;
    await shows(page, `${tile("Yard")} video`, given.numbers.Yard);
    await shows(page, `${tile("Shed")} [data-testid=snapshot]`, given.numbers.Shed);
    await page.locator(tile("Shed")).getByText("Still pictures").waitFor();
    await shot(page, "wall");
  });
  await step("no errors, nothing asked of anybody else", () => {
    must(trouble.list.length === 0, trouble.list.join("\n"));
  });
} finally {
  await browser.close();
}
