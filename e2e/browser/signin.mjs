// How one logs in, in a window of its own. Started by TestSignin.
import { launch, open } from './chromium.mjs';
import { steps } from './report.mjs';
import * as manners from './steps/manners.mjs';
import * as you from './steps/you.mjs';

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, given.origin);
  // Who is not logged in yet, and wrong passwords and codes.
  window.allow(/^(GET|POST) \/api\/v1\/session 401$/, /^POST \/api\/v1\/me\/[a-z/-]+ 422$/);
  const newContext = () => browser.newContext({ ignoreHTTPSErrors: true, baseURL: given.origin });
  const ctx = { ...window, origin: given.origin, owner: given.owner, newContext };
  const step = steps(window);
  await window.api('POST', '/setup', given.owner);
  await window.page.goto('/');
  if (await step('from the corner to oneself', () => you.find(ctx))) {
    (await step('an authenticator app is added', () => you.addApp(ctx))) &&
      (await step('the login asks for the code in a second step', () => you.twoSteps(ctx))) &&
      (await step('where one is logged in', () => you.places(ctx))) &&
      (await step('a new password', () => you.password(ctx))) &&
      (await step('new recovery codes, and the app is removed', () => you.removeApp(ctx)));
    await step('accessible to everybody, by day and by night', () => you.accessible(ctx));
    await step('no errors, nothing asked of anybody else', () => manners.clean(ctx));
  }
} finally {
  await browser.close();
}
