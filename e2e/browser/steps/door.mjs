// The way in: the first owner, leaving, a wrong password, coming back.
import { must } from '../chromium.mjs';

export async function setUp({ page, owner }) {
  await page.goto('/');
  const form = page.getByTestId('setup');
  await form.getByLabel('Your name').fill(owner.name);
  await form.getByLabel('Choose a password', { exact: true }).fill('short');
  await form.getByRole('button', { name: 'Make it mine' }).click();
  const said = await page.locator('#door-password-note').textContent();
  must(/at least \d+/.test(said), `a short password is answered with "${said}"`);
  await form.getByLabel('Choose a password', { exact: true }).fill(owner.password);
  await form.getByRole('button', { name: 'Make it mine' }).click();
  await page.getByRole('heading', { name: 'No camera yet' }).waitFor();
  const greeting = await page.locator('main h1').textContent();
  must(greeting.includes(owner.name), `the greeting is "${greeting}"`);
  return greeting;
}

export async function logOut({ page }) {
  await page.locator('nav summary').click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByTestId('login').waitFor();
  must((await page.locator('video').count()) === 0, 'there is still video on the page');
  await page.goto('/events');
  await page.getByTestId('login').waitFor(); // the session is gone on the box too
}

export async function logIn({ page, owner, truth }) {
  const form = page.getByTestId('login');
  await form.getByLabel('Name').fill(owner.name);
  await form.locator('#door-password').fill(owner.password + '!');
  await form.getByRole('button', { name: 'Log in' }).click();
  const wrong = page.getByTestId('door-wrong');
  await wrong.filter({ hasText: /password/ }).waitFor();
  const said = await wrong.textContent();
  await form.locator('#door-password').fill(owner.password);
  await form.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Events', exact: true }).waitFor(); // where one wanted to go
  await page.getByRole('link', { name: 'Home' }).first().click();
  await page
    .getByTestId('tile')
    .nth(truth.cameras.length - 1)
    .waitFor();
  return `a wrong password is answered with: ${said}`;
}
