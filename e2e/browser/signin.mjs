// How one logs in, in a window of its own. Started by TestSignin.
import { launch, open } from './chromium.mjs';
import { steps } from './report.mjs';
import * as manners from './steps/manners.mjs';
import * as passkey from './steps/passkey.mjs';
import * as you from './steps/you.mjs';

/** Passkeys want a name and a certificate that the browser trusts, so they have a Chromium of their own. */
async function passkeys(home, origin) {
  const trusting = await launch(home);
  try {
    const window = await open(trusting, origin, { ignoreHTTPSErrors: false });
    window.allow(/^(GET|POST) \/api\/v1\/session(\/passkey)? 401$/, /^POST \/api\/v1\/me\/[a-z/-]+ 422$/);
    const ctx = { ...window, owner: given.changed };
    const step = steps(window);
    if (await step('a passkey is added', () => passkey.add(ctx))) {
      await step('logging in with a passkey', () => passkey.logIn(ctx));
      await step('a passkey gets another name and is removed', () => passkey.remove(ctx));
    }
    await step('no errors with passkeys', () => manners.clean(ctx));
  } finally {
    await trusting.close();
  }
}

const given = JSON.parse(process.env.GIVEN);
const browser = await launch();
try {
  const window = await open(browser, given.origin);
  // Who is not logged in yet, and wrong passwords and codes.
  window.allow(/^(GET|POST) \/api\/v1\/session 401$/, /^POST \/api\/v1\/me\/[a-z/-]+ 422$/);
  const newContext = () => browser.newContext({ ignoreHTTPSErrors: true, baseURL: given.origin });
  const ctx = {
    ...window,
    origin: given.origin,
    owner: given.owner,
    newContext,
  };
  const step = steps(window);
  await window.api('POST', '/setup', given.owner);
  await window.page.goto('/');
  if (await step('from the corner to oneself', () => you.find(ctx))) {
    (await step('an authenticator app is added', () => you.addApp(ctx))) &&
      (await step('the login asks for the code in a second step', () => you.twoSteps(ctx))) &&
      (await step('where one is logged in', () => you.places(ctx))) &&
      (await step('a new password', () => you.password(ctx))) &&
      (await step('few recovery codes are left', () => you.fewCodes(ctx))) &&
      (await step('new recovery codes, and the app is removed', () => you.removeApp(ctx)));
    await step('an address has no passkeys', () => passkey.byAddress(ctx));
    await step('accessible to everybody, by day and by night', () => you.accessible(ctx));
    await step('no errors, nothing asked of anybody else', () => manners.clean(ctx));
  }
  const { home, byName } = given;
  if (home) await passkeys(home, byName);
} finally {
  await browser.close();
}
