// Adding, changing and removing a camera.
import { must, until } from '../chromium.mjs';

/** Adds a camera through the form: first with a wrong password, then with the right one. */
export async function add({ page, house }, camera) {
  await page.goto('/cameras');
  await page.getByTestId('add-camera').click();
  const form = page.getByTestId('camera-form');
  const field = (id) => form.locator(`#camera-${id}`);
  await field('url').fill(camera.address);
  await field('username').fill(camera.user);
  await field('password').fill(camera.password + '?');
  await page.getByTestId('probe').click();
  const note = form.locator('#camera-password-note.wrong');
  await note.waitFor();
  const sentence = (await note.textContent()).trim();
  must(/password/i.test(sentence), `the sentence at the password is "${sentence}"`);
  must((await field('password').getAttribute('aria-invalid')) === 'true', 'the field is not marked as wrong');
  must(await field('password').evaluate((e) => e === document.activeElement), 'the field has no focus');
  must((await page.getByTestId('save-camera').count()) === 0, 'it can be saved without a picture');

  await field('password').fill(camera.password);
  await page.getByTestId('probe').click();
  const picture = page.getByTestId('probe-picture');
  await picture.waitFor();
  const mark = await picture.evaluate(async (img) => {
    await img.decode();
    return hearthEyes.look(img);
  });
  must(mark?.camera === camera.number, `the picture before saving is of camera ${mark?.camera}, want ${camera.number}`);

  await field('name').fill(camera.name);
  await page.getByTestId('save-camera').click();
  const tile = page.getByTestId('tile').filter({ hasText: camera.name });
  await tile.waitFor();
  house.set(camera.name, await tile.getAttribute('data-camera'));
  await shows(tile.getByTestId('tile-video'), camera);
  return `wrong password: ${sentence}`;
}

/** Waits until a video shows pictures of its camera. */
async function shows(video, camera) {
  await until(`the tile of ${camera.name} shows it`, async () => {
    const [frame] = await video.evaluate((v) => hearthEyes.frames(v, 1, 2000));
    return frame?.camera === camera.number;
  });
}

/** Adds the others by the API; the page is told and shows them by itself. */
export async function others({ page, api, house }, cameras, masks) {
  for (const c of cameras) {
    const made = await api('POST', '/cameras', {
      name: c.name,
      url: c.address,
      detect_url: `${c.address}/sub`,
      username: c.user,
      password: c.password,
      record: 'continuous',
      motion: { sensitivity: 0.5, masks },
    });
    house.set(c.name, made.id);
  }
  for (const c of cameras) {
    const tile = page.getByTestId('tile').filter({ hasText: c.name });
    await tile.waitFor();
    await shows(tile.getByTestId('tile-video'), c);
  }
}

export async function rename({ page, house }, camera, name) {
  await page.getByRole('link', { name: 'Cameras' }).first().click();
  const row = () => page.getByTestId('camera-row').filter({ hasText: camera.name });
  await row().getByTestId('edit-camera').click();
  const field = page.locator('#camera-name');
  await until('the form knows the name', async () => (await field.inputValue()) === camera.name);
  await field.fill(name);
  await page.getByTestId('save-camera').click();
  await page.getByTestId('camera-row').filter({ hasText: name }).waitFor();
  must((await row().count()) === 0, `${camera.name} is still listed`);
  house.set(name, house.get(camera.name));
}

export async function remove({ page, api, house, allow }, name) {
  // A picture of it may be on its way when it goes.
  allow(new RegExp(`^GET /api/v1/cameras/${house.get(name)}/snapshot\\.jpg 404$`));
  const row = page.getByTestId('camera-row').filter({ hasText: name });
  await row.getByTestId('remove-camera').click();
  const confirm = page.getByTestId('remove-confirm');
  must(await confirm.isDisabled(), 'it can be removed without typing its name');
  await page.locator('#remove-name').fill(name);
  await confirm.click();
  await row.waitFor({ state: 'detached' });
  const left = (await api('GET', '/cameras')).items;
  must(!left.some((c) => c.id === house.get(name)), `the box still has ${name}`);
  await page.getByRole('link', { name: 'Home' }).first().click();
  await page.getByTestId('tile').first().waitFor();
  must((await page.getByTestId('tile').filter({ hasText: name }).count()) === 0, `${name} is still on the wall`);
}
