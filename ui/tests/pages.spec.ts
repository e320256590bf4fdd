import { expect, expectAccessible, setTheme, test } from "./app";

const PAGES = [
  ["/segments", "Segments"],
  ["/segments/new", "New segment"],
  ["/segments/import", "Segment from a list"],
  ["/segments/compare", "Compare segments"],
  ["/users", "Users"],
  ["/accounts", "Accounts"],
  ["/explorer", "Explorer"],
  ["/funnel", "Funnel"],
  ["/pathways", "Pathways"],
  ["/retention", "Retention"],
  ["/charts", "Saved charts"],
  ["/setup", "Set up"],
  ["/settings", "Settings"],
] as const;

for (const [path, title] of PAGES) {
  test(`${title} is accessible in both themes`, async ({ app }) => {
    await app.goto(path);
    await expect(app.getByRole("heading", { name: title, level: 1 })).toBeVisible();
    // The live tail never falls silent, so there is no waiting for a quiet network.
    await app.waitForTimeout(800);
    for (const theme of ["light", "dark"] as const) {
      await setTheme(app, theme);
      await expectAccessible(app, `${title}, ${theme}`);
    }
    await app.setViewportSize({ width: 390, height: 844 });
    // A chart takes its new width a moment after the page.
    const overflow = () => app.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await expect.poll(overflow, { message: "nothing sticks out at 390 pixels" }).toBeLessThanOrEqual(0);
  });
}

test("the frame: palette, shortcuts, date range, themes, not found", async ({ app }) => {
  await test.step("⌘K goes to a page", async () => {
    await app.keyboard.press("Control+k");
    await expectAccessible(app, "palette");
    await app.getByRole("combobox", { name: "Go to" }).fill("fun");
    await app.keyboard.press("Enter");
    await expect(app).toHaveURL(/\/funnel/);
  });
  await test.step("? lists shortcuts, g s goes home", async () => {
    await app.keyboard.press("?");
    await expect(app.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
    await expectAccessible(app, "shortcuts");
    await app.keyboard.press("Escape");
    await app.keyboard.press("g");
    await app.keyboard.press("s");
    await expect(app).toHaveURL(/\/segments/);
  });
  await test.step("the date range is in the address and stays from page to page", async () => {
    await app.getByRole("button", { name: /Date range/ }).click();
    await expect(app.getByRole("button", { name: "Last 7 days" })).toBeVisible();
    await expectAccessible(app, "date range");
    await app.getByRole("button", { name: "Last 7 days" }).click();
    await expect(app).toHaveURL(/range=7d/);
    await app.getByRole("link", { name: "Users" }).click();
    await expect(app).toHaveURL(/\/users.*range=7d/);
  });
  await test.step("the segment is, too", async () => {
    await app.getByRole("button", { name: "Segment: everyone" }).click();
    await app.getByRole("combobox", { name: "Segment" }).fill("almost");
    await app.getByRole("option", { name: /Almost bought/ }).click();
    await expect(app).toHaveURL(/segment=/);
    await app.getByRole("button", { name: "Back to everyone" }).click();
    await expect(app).not.toHaveURL(/segment=/);
  });
  await test.step("an unknown address says so", async () => {
    await app.goto("/nowhere");
    await expect(app.getByRole("heading", { name: "Nothing here" })).toBeVisible();
  });
});

test("logging out and in again", async ({ app }) => {
  await app
    .getByRole("button", { name: /key|admin|demo/i })
    .last()
    .click();
  await app.getByRole("menuitem", { name: "Log out" }).click();
  await expect(app.getByRole("button", { name: "Log in" })).toBeVisible();
  await expectAccessible(app, "login");
  await app.getByRole("button", { name: "Application key" }).click();
  await app.getByLabel("Application key").fill("wrong");
  await app.getByRole("button", { name: "Log in" }).click();
  await expect(app.getByRole("alert")).toBeVisible();
});
