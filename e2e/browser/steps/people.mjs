// Who may see what: somebody is invited, comes in, and sees only what they were given.
import { must, open, until } from "../chromium.mjs";
import { inOrder } from "./manners.mjs";
import { code } from "./you.mjs";

/** Invites a guest to one camera, and takes the invitation in a browser of their own. */
export async function invite(
  { page, api, browser, origin, house },
  mine,
  other,
) {
  await page.goto("/people");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  const form = page.getByTestId("invite");
  await form.getByRole("button", { name: "Make the invitation" }).click();
  await form.getByText("Please say who it is.").waitFor();
  await form.getByLabel("Their name").fill("Flo");
  await form.getByRole("button", { name: "Make the invitation" }).click();
  await form.getByText("Choose at least one camera").waitFor();
  for (const verb of ["Live", "Events"])
    await form.getByLabel(`${verb}: ${mine.name}`, { exact: true }).check();
  await inOrder(page);
  await form.getByRole("button", { name: "Make the invitation" }).click();
  const invited = page.getByTestId("invited");
  const picture = invited.getByRole("img");
  must(
    await picture.evaluate((i) => i.complete && i.naturalWidth > 0),
    "the QR code is not shown",
  );
  const link = await page.getByTestId("invite-link").inputValue();
  must(/\/join#[\w-]{43}$/.test(link), `no link: ${link}`);
  await inOrder(page);
  await invited.getByRole("button", { name: "Done" }).click();
  await page.getByTestId("invitations").getByText("Flo").waitFor();

  const theirs = await open(browser, origin);
  // Nobody is logged in there at first; what is not theirs is asked for below.
  theirs.allow(
    /^GET \/api\/v1\/session 401$/,
    /^GET \/api\/v1\/cameras\/[^/]+ 404$/,
    /^POST \/api\/v1\/join 422$/,
  );
  theirs.allow(/^POST \/api\/v1\/join\/look 404$/);
  const guest = theirs.page;
  await guest.goto(new URL(link).pathname + new URL(link).hash);
  await guest.getByTestId("join").getByText(mine.name).waitFor();
  must(!guest.url().includes("#"), "the secret stays in the address");
  must(
    (await guest.getByText(other.name).count()) === 0,
    "the invitation tells of another camera",
  );
  await inOrder(guest);
  await guest.getByLabel("Choose a password").fill("short");
  await guest.keyboard.press("Enter");
  await guest.locator("#join-password-note.wrong").waitFor();
  await guest.getByLabel("Choose a password").fill("a short sentence");
  await guest.keyboard.press("Enter");
  await guest.getByTestId("tile").filter({ hasText: mine.name }).waitFor();
  const seen = (await theirs.api("GET", "/cameras")).items.map((c) => c.name);
  must(seen.length === 1 && seen[0] === mine.name, `the guest sees ${seen}`);
  must(
    (await guest.getByTestId("tile").count()) === 1,
    "there is another tile",
  );
  const status = await guest.evaluate(
    async (id) => (await fetch(`/api/v1/cameras/${id}`)).status,
    house.get(other.name),
  );
  must(status === 404, `the other camera answers ${status}`);

  // It was for once: the link opens nothing any more, and the owner no longer lists it.
  await guest.goto(new URL(link).pathname + new URL(link).hash);
  await guest.getByTestId("join-gone").waitFor();
  await page.reload();
  await page.getByText("Flo").first().waitFor();
  must(
    (await page.getByTestId("invitations").count()) === 0,
    "the invitation is still open",
  );

  must(theirs.trouble.list.length === 0, theirs.trouble.list.join("\n"));

  // The owner takes the camera away, and while Flo looks it is gone. (A tile whose picture just ended asks once more, and is refused.)
  await guest.goto("/");
  await guest.getByTestId("tile").first().waitFor();
  for (const verb of ["Live", "Events"]) {
    await page
      .getByRole("table", { name: "What Flo may see" })
      .getByLabel(`${verb}: ${mine.name}`, { exact: true })
      .uncheck();
  }
  await until(
    "the tile is gone",
    async () => (await guest.getByTestId("tile").count()) === 0,
  );
  await help({ page, api }, theirs);
  await theirs.context.close();
  const flo = (await api("GET", "/users")).items.find((p) => p.name === "Flo");
  await api("DELETE", `/users/${flo.id}`);
}

/** Who lost the phone gets in by the password again; who lost a device is logged out there. Leaving the page does it at once. */
async function help({ page, api }, theirs) {
  const session = () =>
    theirs.page.evaluate(async () => (await fetch("/api/v1/session")).status);
  const flo = async () =>
    (await api("GET", "/users")).items.find((p) => p.name === "Flo");
  const take = page.getByRole("button", { name: "Remove second factor: Flo" });
  await page.reload();
  const out = page.getByRole("button", { name: "Log out everywhere: Flo" });
  await out.waitFor();
  must((await take.count()) === 0, "there is no second factor to remove");
  const { secret } = await theirs.api("POST", "/me/totp", {
    password: "a short sentence",
  });
  await theirs.api("POST", "/me/totp/confirm", { code: code(secret) });
  await page.reload();
  await take.waitFor();
  await inOrder(page);
  const size = page.viewportSize();
  const shot = (name) =>
    page.screenshot({
      path: `${process.env.ARTIFACTS}/${name}.png`,
      fullPage: true,
    });
  await shot("people");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.reload();
  await take.waitFor();
  await inOrder(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await shot("people-dark-narrow");
  must(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 360,
    "People is wider than 360 pixels",
  );
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: "light" });

  await take.click();
  await page.getByRole("button", { name: "Undo" }).click();
  await take.waitFor();
  await page.reload();
  await take.waitFor();
  must((await flo()).second_factor, "undo did not leave the second factor");
  await take.click();
  await page.reload();
  await until(
    "the second factor is gone",
    async () => !(await flo()).second_factor,
  );
  must((await session()) === 200, "Flo is logged out as well");
  await out.click();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.reload();
  await out.waitFor();
  must((await session()) === 200, "undo did not leave Flo logged in");
  await out.click();
  await page.reload();
  await until("Flo is logged out", async () => (await session()) === 401);
  await out.waitFor();
}
