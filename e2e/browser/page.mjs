// The whole page in one window, in the order in which a family would meet it. Started by TestBrowser.
import { launch, open } from './chromium.mjs';
import { steps } from './report.mjs';
import * as cameras from './steps/cameras.mjs';
import * as door from './steps/door.mjs';
import * as events from './steps/events.mjs';
import * as live from './steps/live.mjs';
import * as log from './steps/log.mjs';
import * as looking from './steps/looking.mjs';
import * as manners from './steps/manners.mjs';
import * as past from './steps/past.mjs';
import * as people from './steps/people.mjs';
import * as storage from './steps/storage.mjs';
import { Truth } from './truth.mjs';

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, given.origin);
  // The only refusals that this test provokes: who is not logged in, who is wrong at the door or at the camera.
  window.allow(/^(GET|POST) \/api\/v1\/session 401$/, /^POST \/api\/v1\/cameras\/probe 4(00|22)$/);
  // And who makes a recovery key with a wrong password, or adds a disk that is none.
  window.allow(/^POST \/api\/v1\/(recovery-key|volumes) 422$/);
  // And who plays on right after a pause asks for what is not recorded yet.
  window.allow(/^GET \/api\/v1\/cameras\/[^/]+\/footage 404$/);
  // A picture that the box is too busy to make, or of a camera that just goes, is none; the page has a calm place for it.
  window.allow(/^GET \/api\/v1\/cameras\/[^/]+\/snapshot\.jpg 503$/);
  const truth = new Truth(given.cameras, given.fps);
  /** The box's id of each camera, by name. */
  const house = new Map();
  const ctx = { ...window, truth, house, owner: given.owner, data: given.data };
  const [first, second, third] = truth.cameras;
  const step = steps(window);

  // Without these three there is nothing that the others could look at.
  const ready =
    (await step('the first owner sets the box up', () => door.setUp(ctx))) &&
    (await step('a camera is added through the form', () => cameras.add(ctx, third))) &&
    (await step('the wall shows cameras that were added elsewhere', () =>
      cameras.others(ctx, [first, second], given.masks),
    ));
  if (ready) {
    await step('first picture of the wall', () => live.firstOfWall(ctx));
    await step('each tile shows its own camera', () => live.tiles(ctx));
    await step('first picture of a camera', () => live.firstOfCamera(ctx, first));
    await step('live latency', () => live.latency(ctx, first));
    await step('a pause while live', () => live.pause(ctx, first));
    await step('a single picture back from live', () => live.back(ctx, first));
    await step('a seek shows the right picture', () => past.seek(ctx, first));
    await step('dragging shows the right pictures', () => past.drag(ctx, first));
    await step('playing on, and back to the present', () => past.playOn(ctx, first));
    await step('events happen when somebody walks through', () => events.happen(ctx));
    await step('an event plays', () => events.play(ctx));
    await step('an event shows itself in short', () => events.preview(ctx));
    await step('events by keyboard', () => events.keys(ctx));
    await step('no scrolling sideways at 360 pixels', () => manners.narrow(ctx, first));
    await step('accessible to everybody, by day and by night', () => manners.accessible(ctx, first));
    await step('a recovery key is printed and proved', () => storage.recoveryKey(ctx));
    await step('a disk that is none is refused at the field', () => storage.disks(ctx));
    await step('limits of a camera', () => storage.limits(ctx, third));
    await step('diagnostics are shown, then saved', () => storage.diagnostics(ctx));
    await step('a page tells how its camera is looked at', () => looking.told(ctx, first));
    await step('a clip is saved signed', () => storage.signed(ctx, first));
    await step('the log says who saw a camera', () => log.whoSaw(ctx, first));
    await step('somebody is invited, and sees what they were given', () =>
      people.invite({ ...ctx, browser, origin: given.origin }, first, second),
    );
    await step('a camera gets another name', () => cameras.rename(ctx, third, 'Shed'));
    await step('a camera is removed', () => cameras.remove(ctx, 'Shed'));
    truth.cameras.pop();
    await step('a disk in trouble is an alarm on every screen', () => storage.alarm(ctx));
    await step('logging out', () => door.logOut(ctx));
    await step('the door is accessible to everybody', () => manners.accessibleDoor(ctx));
    await step('logging in', () => door.logIn(ctx));
    await step('no errors, nothing asked of anybody else', () => manners.clean(ctx));
  }
} finally {
  await browser.close();
}
