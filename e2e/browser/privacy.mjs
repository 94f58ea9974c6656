// Cameras that look away, in a window of its own. Started by TestPrivacy.
import { launch, open } from "./chromium.mjs";
import { steps } from "./report.mjs";
import * as manners from "./steps/manners.mjs";
import * as privacy from "./steps/privacy.mjs";
import { Truth } from "./truth.mjs";

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, given.origin);
  // Who is not logged in yet, and who asks a camera for a picture that has just become private, or has none yet.
  window.allow(
    /^GET \/api\/v1\/session 401$/,
    /^GET \/api\/v1\/cameras\/[^/]+\/(snapshot\.jpg|live) (409|503)$/,
  );
  window.allow(/^GET \/api\/v1\/cameras\/[^/]+\/footage 404$/);
  const ctx = {
    ...window,
    house: new Map(),
    truth: new Truth(given.cameras, given.fps),
    cameras: given.cameras,
  };
  const step = steps(window);
  await window.api("POST", "/setup", given.owner);
  if (await step("two cameras on the wall", () => privacy.wall(ctx))) {
    await step("a camera is made private from its tile, by keyboard", () =>
      privacy.tile(ctx),
    );
    await step("an end is chosen, and taken back", () => privacy.ends(ctx));
    await step("its screen shows no picture, and its past", () =>
      privacy.screen(ctx),
    );
    await step("it looks again", () => privacy.again(ctx));
    await step("private hours in the settings", () => privacy.hours(ctx));
    await step("private hours of the house", () => privacy.houseHours(ctx));
    await step("the whole house", () => privacy.whole(ctx));
    await step("the log says who", () => privacy.log(ctx));
    await step("accessible to everybody, by day and by night", () =>
      privacy.accessible(ctx),
    );
    await step("no errors, nothing asked of anybody else", () =>
      manners.clean(ctx),
    );
  }
} finally {
  await browser.close();
}
