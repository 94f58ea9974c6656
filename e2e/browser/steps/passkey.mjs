// Passkeys, with Chromium's own authenticator that is no device.
import { must, until } from '../chromium.mjs';
import { inOrder } from './manners.mjs';

/** Who came by an address is told by which name to come. */
export async function byAddress({ page, api, origin }) {
  await page.goto('/you');
  const said = page.getByTestId('passkeys-by-name');
  await said.waitFor();
  const to = await said.getByRole('link').getAttribute('href');
  must(to === `https://hearth.local:${new URL(origin).port}/you`, `one is sent to ${to}`);
  must((await page.locator('#passkey-add').count()) === 0, 'a passkey can be added all the same');
  const refusal = await api('POST', '/session/passkey/begin').catch((e) => e.message);
  must(/409.*needs-name/.test(refusal), `the box says: ${refusal}`);
}

async function logOut(page) {
  await page.locator('nav summary').click();
  await page.getByRole('button', { name: 'Log out', exact: true }).click();
  await page.getByTestId('login').waitFor();
}

export async function add(ctx) {
  const { page, context, api, owner } = ctx;
  ctx.cdp = await context.newCDPSession(page);
  await ctx.cdp.send('WebAuthn.enable');
  const { authenticatorId } = await ctx.cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  ctx.authenticatorId = authenticatorId;
  await api('POST', '/session', { name: owner.name, password: owner.password });
  await page.goto('/you');
  await page.locator('#passkey-add').click();
  await page.keyboard.press('Enter');
  await page.locator('#passkey-name-note.wrong').waitFor();
  await page.locator('#passkey-name').fill('Phone');
  await page.locator('#passkey-password').fill('guess');
  await page.keyboard.press('Enter');
  await page.locator('#passkey-password-note.wrong').waitFor();
  await inOrder(page);
  await page.locator('#passkey-password').fill(owner.password);
  await page.keyboard.press('Enter');
  const key = page.getByTestId('passkey');
  await key.filter({ hasText: /for localhost/ }).waitFor();
  must((await key.locator('input').inputValue()) === 'Phone', 'it has another name');
  const { credentials } = await ctx.cdp.send('WebAuthn.getCredentials', { authenticatorId });
  must(credentials.length === 1 && credentials[0].isResidentCredential, `the device has ${JSON.stringify(credentials)}`);
  must(credentials[0].rpId === 'localhost', `it is for ${credentials[0].rpId}`);
  await page.screenshot({ path: `${process.env.ARTIFACTS}/you-passkey.png`, fullPage: true });
}

/** Without a name or a password; not with a device that asked nobody. */
export async function logIn({ page, api, owner, cdp, authenticatorId }) {
  await logOut(page);
  await page.screenshot({ path: `${process.env.ARTIFACTS}/door-passkey.png`, fullPage: true });
  const button = page.getByTestId('door-passkey');
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  await button.click();
  await page.getByTestId('door-wrong').filter({ hasText: /No passkey was shown/ }).waitFor();
  await inOrder(page);
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  await button.click();
  await page.locator('nav summary').waitFor();
  const me = await api('GET', '/session');
  must(me.name === owner.name, `${me.name} is in`);
  const here = (await api('GET', '/sessions')).items.find((s) => s.current);
  must(here.way === 'passkey', `it was begun by ${here.way}`);
}

/** A name stays; what is removed opens nothing, though the device still has it. */
export async function remove({ page, api }) {
  await page.goto('/you');
  const name = page.getByTestId('passkey').locator('input');
  await name.fill('Old phone');
  await page.keyboard.press('Tab');
  const kept = async () => (await api('GET', '/me/signin')).passkeys.items;
  await until('the new name is kept', async () => (await kept())[0].name === 'Old phone');
  await page.getByRole('button', { name: 'Remove Old phone' }).click();
  await until('it is removed', async () => (await kept()).length === 0);
  await logOut(page);
  await page.getByTestId('door-passkey').click();
  await page.getByTestId('door-wrong').filter({ hasText: /does not open here/ }).waitFor();
}
