import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

/** Logged in, and no error may reach the console. */
export const test = base.extend<{ app: Page; allowed: RegExp[] }>({
  allowed: [[], { option: true }],
  app: async ({ page, allowed }, use) => {
    const errors: string[] = [];
    // Answers that a test provokes are in `allowed`; without a session the app asks and is told so.
    const fine = [/401 \(Unauthorized\)/, /403 \(Forbidden\)/, ...allowed];
    page.on("console", (message) => {
      const text = `${message.text()} ${message.location().url}`;
      if (message.type() === "error" && !fine.some((pattern) => pattern.test(text))) errors.push(text);
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    await logIn(page);
    await use(page);
    expect(errors, "errors in the console").toEqual([]);
  },
});

export { expect };

async function logIn(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "Application key" }).click();
  await page.getByLabel("Application key").fill("demo-admin");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { name: "Segments", level: 1 })).toBeVisible();
}

export async function expectAccessible(page: Page, what: string): Promise<void> {
  // Nothing fades while it is measured.
  await page.waitForTimeout(250);
  const { violations } = await new AxeBuilder({ page })
    // Hidden stops of the keyboard at the ends of a menu, which pass the focus on.
    .exclude("[data-base-ui-focus-guard]")
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
    .analyze();
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`,
  );
  expect(found, what).toEqual([]);
}

export async function setTheme(page: Page, theme: "light" | "dark"): Promise<void> {
  await page.evaluate((chosen) => {
    localStorage.setItem("whodid.theme", chosen);
    document.documentElement.dataset.theme = chosen;
  }, theme);
}

/** The number in an element such as `1,234`. */
export async function numberIn(page: Page, testId: string): Promise<number> {
  const text = await page.getByTestId(testId).innerText();
  return Number(text.replace(/[^\d]/g, ""));
}
