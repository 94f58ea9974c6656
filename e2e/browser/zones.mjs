// Zones and masks, in a window of its own. Started by TestZones.
import { launch, open } from "./chromium.mjs";
import { steps } from "./report.mjs";
import * as manners from "./steps/manners.mjs";
import * as zones from "./steps/zones.mjs";

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, given.origin);
  // Who is not logged in yet, and who asks a camera for a picture that has none yet.
  window.allow(
    /^GET \/api\/v1\/session 401$/,
    /^GET \/api\/v1\/cameras\/[^/]+\/snapshot\.jpg 503$/,
    // And who saves an area that crosses itself.
    /^PATCH \/api\/v1\/cameras\/[^/]+ 422$/,
  );
  const ctx = { ...window, camera: given.cameras[0], masks: given.masks };
  const step = steps(window);
  await window.api("POST", "/setup", given.owner);
  if (await step("a camera is there, and looks", () => zones.ready(ctx))) {
    await step("a zone is drawn with the mouse", () => zones.draw(ctx));
    await step("by keyboard, and steps are taken back", () => zones.keys(ctx));
    await step("an area that crosses itself is said so", () =>
      zones.crossing(ctx),
    );
    await step("what moves is shown while drawing", () => zones.moves(ctx));
    await step("the slider says what it would have made of today", () =>
      zones.slider(ctx),
    );
    await step("accessible to everybody, by day and by night", () =>
      zones.accessible(ctx),
    );
    await step("by touch, at 360 pixels", () =>
      zones.touch(ctx, browser, given),
    );
    await step("what is saved holds, without a new worker", () =>
      zones.save(ctx),
    );
    await step("a mask hides what moves from the next look on", () =>
      zones.masked(ctx),
    );
    await step("no errors, nothing asked of anybody else", () =>
      manners.clean(window),
    );
  }
} finally {
  await browser.close();
}
