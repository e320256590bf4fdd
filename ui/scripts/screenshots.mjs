// Pictures of the app for the documentation: `npm run screenshots`, with WHODID_BIN naming a binary. They are made of the
// demo's data, on a server of their own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";

const port = 8196;
const url = `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), "whodid-"));
const target = new URL("../../docs/screenshots/", import.meta.url).pathname;

const views = [
  ["segments", "/segments"],
  ["builder", "/segments/new"],
  ["segment", "/segments", { open: "Almost bought" }],
  ["explorer", "/explorer"],
  [
    "explorer-top",
    "/explorer?viz=bars&by=%5B%7B%22facet%22%3A%22%40view.name%22%2C%22limit%22%3A10%7D%5D",
    { dark: true },
  ],
  ["funnel", "/funnel", { steps: ["@view.name:/cart", "@action.name:CHECKOUT", "@event.name:order_paid"] }],
  ["retention", "/retention"],
  ["pathways", "/pathways"],
  ["users", "/users"],
  ["segments-phone", "/segments", { width: 390 }],
  ["settings", "/settings", { dark: true }],
];

const server = spawn(process.env.WHODID_BIN ?? "whodid", [
  ...[
    "demo",
    "--data",
    join(folder, "data"),
    "--users",
    "2000",
    "--seed",
    "7",
    "--listen",
    `127.0.0.1:${port}`,
  ],
]);
try {
  for (let tries = 0; !(await fetch(`${url}/readyz`).catch(() => ({ ok: false }))).ok; tries += 1) {
    if (tries > 600) throw new Error("the server did not start");
    await new Promise((done) => setTimeout(done, 200));
  }
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const page = await browser.newPage({ locale: "en-GB", timezoneId: "UTC" });
  await page.goto(url);
  await page.getByRole("button", { name: "Application key" }).click();
  await page.getByLabel("Application key").fill("demo-admin");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Segments", level: 1 }).waitFor();
  for (const [name, path, { open, steps = [], dark = false, width = 1440 } = {}] of views) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(
      (theme) => {
        localStorage.setItem("whodid.theme", theme);
      },
      dark ? "dark" : "light",
    );
    await page.goto(url + path);
    if (open) await page.getByRole("link", { name: open }).first().click();
    for (const [index, step] of steps.entries()) {
      await page.getByRole("button", { name: "Step", exact: true }).click();
      const field = page.getByRole("combobox", { name: `Step ${index + 1}`, exact: true });
      await field.fill(step);
      await field.press("Enter");
    }
    await page.waitForTimeout(1_500);
    await page.screenshot({ path: join(target, `${name}.png`) });
  }
  await browser.close();
} finally {
  server.kill("SIGTERM");
  await new Promise((done) => server.once("exit", done));
  rmSync(folder, { recursive: true, force: true });
}
