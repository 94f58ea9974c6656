// How a camera is looked at, on its page.
import { must, until } from "../chromium.mjs";

/** Its page says in words how closely a camera is looked at and why, and at what cost. */
export async function told({ page, house }, camera) {
  const id = house.get(camera.name);
  await page.goto(`/cameras/${id}`);
  const part = page.getByRole("region", { name: "How it is looked at" });
  await part.waitFor();
  const text = async (name) =>
    (await part.getByTestId(name).textContent()).trim();
  await until("it knows what looking costs", async () => {
    if (/^(all \d+|\d+ of \d+)$/.test(await text("looking-decoded")))
      return true;
    await page.reload();
    return false;
  });
  must(
    /^[A-Z].*\.$/.test(await text("looking-why")),
    `why: "${await text("looking-why")}"`,
  );
  must(
    /^[\d.]+ s a minute$/.test(await text("looking-cost")),
    `it costs "${await text("looking-cost")}"`,
  );
  must(
    /^\d+ %$/.test(await text("looking-trust")),
    `the trust is "${await text("looking-trust")}"`,
  );
  return `${await text("looking-mode")} ${await text("looking-why")} ${await text("looking-decoded")}`;
}
