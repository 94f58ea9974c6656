// What the page says when another camera answers in a camera's place. Started by TestMixedUpCameras, which hands the
// addresses around between the steps.
import { join } from "node:path";
import { launch, must, open, until } from "./chromium.mjs";
import { steps } from "./report.mjs";
import * as manners from "./steps/manners.mjs";

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, given.origin);
  const { page, api, context } = window;
  window.allow(
    /^GET \/api\/v1\/cameras\/[0-9a-f-]+\/(snapshot\.jpg|frame) (404|503)$/,
  );
  const step = steps(window);
  const shoot = (file) =>
    page.screenshot({
      path: join(process.env.ARTIFACTS, file),
      animations: "disabled",
      fullPage: true,
    });
  const states = async (...wanted) =>
    until(
      `the cameras are ${wanted}`,
      async () => {
        const { items } = await api("GET", "/cameras");
        return wanted.every(
          (s, i) => items.find((c) => c.id === ids[i]).state === s,
        );
      },
      60_000,
    );
  const tile = (i, state) =>
    page
      .locator(
        `[data-testid=tile][data-camera="${ids[i]}"][data-status=${state}]`,
      )
      .waitFor({ timeout: 60_000 });
  const ids = [];
  await api("POST", "/setup", given.owner);

  await step("both cameras are online", async () => {
    for (const c of given.cameras) {
      ids.push(
        (
          await api("POST", "/cameras", {
            name: c.name,
            url: c.address,
            detect_url: `${bare(c.address)}/sub`,
          })
        ).id,
      );
    }
    await states("online", "online");
    await page.goto("/");
    await tile(0, "online");
    await page.locator("[data-testid=tile-video].there").nth(1).waitFor();
    await page.waitForTimeout(3000); // so that something is recorded
  });
  await step("the tiles say that these are other cameras", async () => {
    await tile(0, "quarantined");
    await tile(1, "quarantined");
    await shoot("quarantine-home.png");
    const text = await page.locator("[data-testid=tile]").first().textContent();
    must(/another camera/.test(text), `the tile says "${text}"`);
  });
  await step(
    "the settings say what was found, and what it looks like",
    async () => {
      await page.goto(`/cameras/${ids[0]}`);
      await page.getByTestId("identity-question").waitFor();
      const like = await page.getByTestId("identity-like").textContent();
      must(/looks like Nursery/.test(like), `it says "${like}"`);
      await shoot("quarantine-settings.png");
      const size = page.viewportSize();
      await page.setViewportSize({ width: 360, height: 740 });
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth,
      );
      await page.emulateMedia({ colorScheme: "dark" });
      await shoot("quarantine-narrow-dark.png");
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize(size);
      must(wide <= 360, `it is ${wide} pixels wide`);
      return manners.ask(context, [
        [`/cameras/${ids[0]}`, "[data-testid=identity-question]"],
      ]);
    },
  );
  await step("both go on by themselves", async () => {
    await states("online", "online");
    await page.getByTestId("identity-question").waitFor({ state: "detached" });
    await page.getByTestId("identity-known").locator("summary").click();
    await shoot("known.png");
  });
  await step("the owner says that what answers is the camera", async () => {
    await states("quarantined", "online");
    await page.getByTestId("identity-question").waitFor();
    must(
      (await page.getByTestId("identity-like").count()) === 0,
      "it looks like a camera that is not there",
    );
    await page.getByTestId("identity-accept").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("identity-question").waitFor({ state: "detached" });
    await states("online", "online");
    await page.goto("/log");
    await page
      .getByText(/said that what answers is .*Driveway/)
      .first()
      .waitFor();
  });
  await step("no errors, nothing asked of anybody else", () =>
    manners.clean(window),
  );
} finally {
  await browser.close();
}

/** An address without name and password. */
function bare(address) {
  return address.replace(/\/\/[^@]*@/, "//");
}
