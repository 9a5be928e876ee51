// Takes the README's pictures of a running demo:
//   make demo                                  (in another terminal; prints the page's address)
//   node shots.mjs http://127.0.0.1:PORT FOLDER
// It signs in as Alice, waits for the card of shop/web, presses Approve Fix and
// waits until it has recovered.
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node shots.mjs ADDRESS FOLDER");
  process.exit(2);
}
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
const page = await (await browser.newContext({ viewport: { width: 1000, height: 1700 }, deviceScaleFactor: 2 })).newPage();
await page.goto(address);
await page.click("[data-user=U0000ALICE]");
const card = page.locator("article").filter({ hasText: "shop/web" }).first();
const shot = async name => {
  await card.scrollIntoViewIfNeeded();
  await card.screenshot({ path: join(folder, name + ".png") });
};
await card.locator("[data-action-id=cs-approve]").waitFor({ timeout: 60_000 });
await shot("card-before");
await card.locator("[data-action-id=cs-approve]").click();
await page.getByRole("button", { name: "Approve", exact: true }).click();
await card.getByText("Recovered").first().waitFor({ timeout: 180_000 });
await page.waitForTimeout(1500);
await shot("card-after");
await browser.close();
