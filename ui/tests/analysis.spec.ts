import type { Page } from "@playwright/test";
import { expect, expectAccessible, setTheme, test } from "./app";

const RUN = Date.now().toString(36);

/** Opens a mark of a chart as the keyboard does. */
async function openMark(page: Page, name: RegExp) {
  await page.getByRole("button", { name }).first().focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menu")).toBeVisible();
}

async function both(page: Page, what: string) {
  for (const theme of ["light", "dark"] as const) {
    await setTheme(page, theme);
    await expectAccessible(page, `${what}, ${theme}`);
  }
  await setTheme(page, "light");
}

test("funnel: steps, suggestions, and the chart saved", async ({ app }) => {
  await app.goto("/funnel");
  await test.step("built from suggestions and by typing", async () => {
    await app.getByRole("button", { name: /^\/cart / }).click();
    await expect(app.getByRole("combobox", { name: "Step 1", exact: true })).toHaveValue(/\/cart/);
    await expect(app.getByText("Often next")).toBeVisible();
    await app.getByRole("button", { name: "Step", exact: true }).click();
    const second = app.getByRole("combobox", { name: "Step 2", exact: true });
    await second.fill("@action.name:CHECKOUT");
    await second.press("Enter");
    await app.getByRole("button", { name: "Step", exact: true }).click();
    const third = app.getByRole("combobox", { name: "Step 3", exact: true });
    await third.fill("@event.name:order_paid");
    await third.press("Enter");
    await expect(app.getByText("Conversion", { exact: true })).toBeVisible();
    await expect(app.getByText(/within 24 hours of the first step/)).toBeVisible();
    await both(app, "funnel");
  });
  await test.step("steps are moved by the keyboard", async () => {
    await app.getByRole("button", { name: /^Step 2,/ }).focus();
    await app.keyboard.press("Alt+ArrowDown");
    await expect(app.getByRole("combobox", { name: "Step 3", exact: true })).toHaveValue(/CHECKOUT/);
    await app.keyboard.press("Alt+ArrowUp");
    await expect(app.getByRole("combobox", { name: "Step 2", exact: true })).toHaveValue(/CHECKOUT/);
  });
  await test.step("over time", async () => {
    await app.getByRole("button", { name: "Over time" }).click();
    await expect(app.getByRole("img", { name: /conversion rate/ })).toBeVisible();
    await expectAccessible(app, "funnel over time");
  });
  await test.step("saved, opened, renamed and deleted", async () => {
    const name = `Checkout ${RUN}`;
    await app.getByRole("button", { name: "Save chart" }).click();
    await app.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill(name);
    await app.getByRole("dialog").getByRole("button", { name: "Save chart" }).click();
    await app.getByRole("link", { name: "Saved charts" }).click();
    await both(app, "charts");
    await app.getByRole("link", { name, exact: true }).click();
    await expect(app.getByRole("combobox", { name: "Step 2", exact: true })).toHaveValue(/CHECKOUT/);
    await app.getByRole("link", { name: "Saved charts" }).click();
    await app.getByRole("button", { name: `Rename ${name}` }).click();
    await app.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill(`${name} again`);
    await app.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
    await app.getByRole("button", { name: `Delete ${name} again` }).click();
    await app.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect(app.getByText("No saved charts")).toBeVisible();
  });
});

test("retention: the grid and the curve", async ({ app }) => {
  await app.goto("/retention");
  await expect(app.getByRole("rowheader", { name: "Weighted mean" })).toBeVisible();
  await both(app, "retention");
  await test.step("as a curve and as a table", async () => {
    await app.getByRole("button", { name: "Curve" }).click();
    await expect(
      app.getByRole("button", { name: /^Week 0/ }).or(app.getByRole("img", { name: /^Week 0/ })),
    ).toBeVisible();
    await app.getByRole("button", { name: "Table", exact: true }).click();
    await expect(app.getByRole("columnheader", { name: "Week 1" })).toBeVisible();
  });
});

test("pathways: nodes, and a funnel of them", async ({ app }) => {
  await app.goto("/pathways");
  await expect(app.getByRole("button", { name: /^\/.*, sessions [\d,]+, of all/ }).first()).toBeVisible();
  await both(app, "pathways");
  await test.step("nodes become a funnel", async () => {
    for (const name of [/^\/, sessions [\d,]+, of all/, /^\/cart, sessions [\d,]+, of all/]) {
      await openMark(app, name);
      await app.getByRole("menuitem", { name: "Add to a funnel" }).click();
    }
    await app.getByRole("button", { name: "Open funnel" }).click();
    await expect(app.getByRole("combobox", { name: "Step 2", exact: true })).toHaveValue(/\/cart/);
  });
  await test.step("ending at a page, with wildcards", async () => {
    await app.goto("/pathways?direction=end&anchor=/check*");
    await expect(app.getByRole("heading", { name: "Paths that end at /check*" })).toBeVisible();
    await expect(app.getByRole("button", { name: /^\/checkout, sessions/ })).toBeVisible();
    await app.getByRole("button", { name: "Table", exact: true }).click();
    await expect(app.getByRole("columnheader", { name: "sessions" })).toBeVisible();
  });
});

test("set-up and settings: a key, an event that arrives, one that is refused", async ({ app, request }) => {
  let secret = "";
  await test.step("a key", async () => {
    await app.goto("/setup");
    await app.getByRole("button", { name: "Make an ingest key" }).click();
    await app.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill(`shop ${RUN}`);
    await expectAccessible(app, "new key");
    await app.getByRole("dialog").getByRole("button", { name: "Make key" }).click();
    const snippet = app.getByRole("region", { name: "Snippet" });
    await expect(snippet).not.toContainText("<ingest key>");
    secret = /clientToken: '([^']+)'/.exec(await snippet.innerText())?.[1] ?? "";
    expect(secret).not.toBe("");
  });
  await test.step("what arrives is seen", async () => {
    await expect(app.getByText("listening", { exact: true })).toBeVisible();
    const event = {
      type: "server",
      application: { id: "shop" },
      event: { name: `hello_${RUN}` },
      usr: { id: "u-00001" },
    };
    await request.post("/api/v2/prodlytics", { headers: { "DD-API-KEY": secret }, data: event });
    await expect(app.getByText(`hello_${RUN}`)).toBeVisible();
    await request.post(`/api/v2/rum?ddsource=browser&dd-api-key=${secret}`, {
      headers: { "Content-Type": "text/plain" },
      data: "this is no event",
    });
    await expect(app.getByText("refused", { exact: true })).toBeVisible();
    await both(app, "set-up");
  });
  await test.step("the key is used, then revoked", async () => {
    await app.goto("/settings");
    await app.getByRole("button", { name: `Revoke shop ${RUN}` }).click();
    await app.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await expect(app.getByText("revoked", { exact: true }).first()).toBeVisible();
    await both(app, "keys");
    await app.getByRole("tab", { name: "Status" }).click();
    await expect(app.getByText("Watermark")).toBeVisible();
    await expectAccessible(app, "status");
  });
});
