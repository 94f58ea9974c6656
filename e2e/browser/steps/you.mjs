// Oneself: the password, an authenticator app, recovery codes, where one is logged in.
import { createHmac } from 'node:crypto';
import { must, until } from '../chromium.mjs';
import { ask, inOrder } from './manners.mjs';

/** What an authenticator app shows `steps` half minutes from now (RFC 6238). */
export function code(secret, steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const sum = createHmac('sha1', key).update(counter).digest();
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

const picture = (page, name) =>
  page.screenshot({
    path: `${process.env.ARTIFACTS}/${name}.png`,
    fullPage: true,
  });

/** From the name in the frame's corner to the screen, by keyboard. */
export async function find({ page, owner }) {
  await page.locator('nav summary').focus();
  await page.keyboard.press('Enter');
  const you = page.getByTestId('you');
  must((await you.textContent()).includes(owner.name), 'the corner does not say who is logged in');
  await you.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'You', exact: true }).waitFor();
  must(new URL(page.url()).pathname === '/you', `the address is ${page.url()}`);
}

/** The app is added by keyboard; the recovery codes are shown once. */
export async function addApp(ctx) {
  const { page, owner } = ctx;
  await page.getByTestId('app-add').focus();
  await page.keyboard.press('Enter');
  const password = page.locator('#app-password');
  must(await password.evaluate((e) => e === document.activeElement), 'the password has no focus');
  await page.keyboard.type('guess');
  await page.keyboard.press('Enter');
  await page
    .locator('#app-password-note.wrong')
    .filter({ hasText: /not your password/ })
    .waitFor();
  await inOrder(page);
  await password.fill(owner.password);
  await page.keyboard.press('Enter');
  const qr = page.getByTestId('app-qr');
  await qr.waitFor();
  must(await qr.evaluate((e) => e.decode().then(() => e.naturalWidth > 0)), 'the QR code is no picture');
  ctx.secret = (await page.getByTestId('app-secret').textContent()).replace(/\s/g, '');
  must(/^[A-Z2-7]{32}$/.test(ctx.secret), `the secret is "${ctx.secret}"`);
  await picture(page, 'you-app');
  await inOrder(page);
  await page.locator('#app-code').fill('12');
  await page.keyboard.press('Enter');
  await page.locator('#app-code-note.wrong').waitFor();
  await page.locator('#app-code').fill(code(ctx.secret, -1));
  await page.keyboard.press('Enter');
  const codes = page.getByTestId('recovery-codes').locator('li');
  await codes.first().waitFor();
  ctx.codes = await codes.allTextContents();
  must(
    ctx.codes.length === 10 && ctx.codes.every((c) => /^([a-z2-7]{4}-){3}[a-z2-7]{4}$/.test(c)),
    `codes: ${ctx.codes}`,
  );
  await picture(page, 'you-codes');
  await inOrder(page);
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByTestId('recovery-codes').waitFor({ state: 'detached' });
  must(!(await page.content()).includes(ctx.codes[3]), 'the codes are still somewhere on the page');
}

/** The login asks in a second step, says what is wrong, and takes a recovery code too. */
export async function twoSteps({ page, owner, secret, codes }) {
  const enter = async () => {
    await page.locator('nav summary').click();
    await page.getByRole('button', { name: 'Log out' }).click();
    const form = page.getByTestId('login');
    await form.locator('#door-name').fill(owner.name);
    await form.locator('#door-password').fill(owner.password);
    await page.keyboard.press('Enter');
    const asked = page.locator('#door-totp');
    await asked.waitFor();
    await until('the code has the focus', () => asked.evaluate((e) => e === document.activeElement));
    return asked;
  };
  const asked = await enter();
  await picture(page, 'door-code');
  await inOrder(page);
  await page.keyboard.type('000 00');
  await page.keyboard.press('Enter');
  await page.locator('#door-totp-note.wrong').waitFor();
  await page.getByRole('button', { name: 'Back' }).click();
  must((await page.locator('#door-name').inputValue()) === owner.name, 'the name is forgotten on the way back');
  await page.getByRole('button', { name: 'Log in' }).click();
  await asked.fill(code(secret));
  await page.keyboard.press('Enter');
  await page.locator('nav summary').waitFor();
  await (await enter()).fill(codes[0].toUpperCase());
  await page.keyboard.press('Enter');
  await page.locator('nav summary').waitFor();
}

/** Another browser is seen, and logged out. */
export async function places({ page, api, owner, codes, origin, newContext }) {
  const other = await newContext();
  const login = (n) =>
    other.request.post('/api/v1/session', {
      data: { name: owner.name, password: owner.password, totp: codes[n] },
      headers: {
        Origin: origin,
        'User-Agent': 'Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0',
      },
    });
  must((await login(1)).ok(), 'the other browser cannot log in');
  await page.goto('/you');
  const phone = page.getByTestId('place').filter({ hasText: 'Firefox on Android' });
  await phone.waitFor();
  await picture(page, 'you');
  await phone.getByRole('button', { name: 'Log out: Firefox on Android' }).click();
  await phone.waitFor({ state: 'detached' });
  must((await other.request.get('/api/v1/session')).status() === 401, 'the other browser is still in');
  must((await login(2)).ok(), 'the other browser cannot log in again');
  await page.reload();
  await page.getByTestId('places-others').click();
  await until('only this one is left', async () => (await page.getByTestId('place').count()) === 1);
  must((await other.request.get('/api/v1/session')).status() === 401, 'the other browser is still in');
  must((await api('GET', '/sessions')).items.length === 1, 'there is another session');
  await other.close();
}

/** A new password; this browser stays. */
export async function password(ctx) {
  const { page, owner } = ctx;
  await page.locator('#password-change').click();
  await page.locator('#password-now').fill(owner.password);
  await page.locator('#password-next').fill('short');
  await page.keyboard.press('Enter');
  await page.locator('#password-next-note.wrong').waitFor();
  await inOrder(page);
  const next = `${owner.password} two`;
  await page.locator('#password-next').fill(next);
  await page.keyboard.press('Enter');
  await page.getByText(/Your password is changed/).waitFor();
  ctx.owner = { ...owner, password: next };
  await page.reload();
  await page.getByTestId('place').first().waitFor();
}

/** Before the last codes are used up the page asks for new ones. */
export async function fewCodes({ page, api, owner, codes, origin, newContext }) {
  const shown = page.getByTestId('codes-few');
  for (const [n, few] of [
    [4, false],
    [5, false],
    [6, false],
    [7, true],
  ]) {
    const other = await newContext();
    const answer = await other.request.post('/api/v1/session', {
      data: { name: owner.name, password: owner.password, totp: codes[n] },
      headers: { Origin: origin },
    });
    must(answer.ok(), `the recovery code is refused: ${answer.status()}`);
    await other.close();
    await page.reload();
    await page.getByTestId('codes-anew').waitFor();
    must(
      (await shown.count()) === (few ? 1 : 0),
      `with ${9 - n + 1} codes left the page ${few ? 'is silent' : 'asks for new ones'}`,
    );
  }
  await inOrder(page);
  await picture(page, 'you-few');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.reload();
  await shown.waitFor();
  await inOrder(page);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await picture(page, 'you-few-dark');
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: 'light' });
  await api('DELETE', '/sessions');
}

/** New codes make the old ones worthless; without the app the password alone opens. */
export async function removeApp({ page, owner, codes }) {
  await page.getByTestId('codes-anew').click();
  await page.locator('#app-password').fill(owner.password);
  await page.locator('#app-code').fill(codes[3]);
  await page.keyboard.press('Enter');
  const fresh = page.getByTestId('recovery-codes').locator('li');
  await fresh.first().waitFor();
  const next = await fresh.allTextContents();
  must(!next.some((c) => codes.includes(c)), 'a code of before is among the new ones');
  await page.getByRole('button', { name: 'I have kept them' }).click();
  must((await page.getByTestId('codes-few').count()) === 0, 'with new codes it still asks for new ones');
  await page.getByTestId('app-remove').click();
  await page.locator('#app-password').fill(owner.password);
  await page.locator('#app-code').fill(codes[8]);
  await page.keyboard.press('Enter');
  await page.locator('#app-code-note.wrong').waitFor();
  await page.locator('#app-code').fill(next[0]);
  await page.keyboard.press('Enter');
  await page.getByTestId('app-add').waitFor();
}

/** At 360 pixels, in both themes, by axe. */
export async function accessible({ page, context }) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto('/you');
  await page.getByTestId('place').first().waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  must(wide <= 360, `/you is ${wide} pixels wide`);
  await picture(page, 'you-narrow');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'you-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(size);
  return ask(context, [['/you', '[data-testid=place]']]);
}
