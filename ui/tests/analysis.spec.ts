import type { Page } from "@playwright/test";
import { expect, expectAccessible, setTheme, test } from "./app";

const RUN = Date.now().toString(36);

/** Opens a mark of a chart as the keyboard does. */
async function openMark(page: Page, name: RegExp) {
  await page.getByRole("button", { name }).first().focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menu")).toBeVisible();
}

/** The drawer's list: how many people there are. */
async function peopleCount(page: Page): Promise<number> {
  const count = page.getByText(/^[\d,]+ (?:people|person)/);
  await expect(count).toBeVisible();
  return Number((await count.innerText()).replace(/ (?:people|person)[\s\S]*/, "").replaceAll(",", ""));
}

async function saveSegment(page: Page, name: string) {
  await page.getByRole("button", { name: "Save as segment" }).click();
  const dialog = page.getByRole("dialog", { name: "Save as segment" });
  await dialog.getByRole("textbox", { name: "Name" }).fill(name);
  await expectAccessible(page, "save as segment");
  await dialog.getByRole("button", { name: "Save segment" }).click();
  await expect(page.getByText(`Segment “${name}” saved`)).toBeVisible();
}

async function both(page: Page, what: string) {
  for (const theme of ["light", "dark"] as const) {
    await setTheme(page, theme);
    await expectAccessible(page, `${what}, ${theme}`);
  }
  await setTheme(page, "light");
}

test.describe("explorer", () => {
  // A mistake in a search is refused by the server, on purpose.
  test.use({ allowed: [/400 \(Bad Request\).*\/analytics\//] });

  test("explorer: from a query to its people to a segment that is compared", async ({ app }) => {
    await app.goto("/explorer");
    await test.step("the search completes facets and values from the data", async () => {
      const search = app.getByRole("combobox", { name: "Search", exact: true });
      await search.click();
      await search.pressSequentially("@geo.countr");
      await app.getByRole("option", { name: /^@geo\.country / }).click();
      await search.pressSequentially("Bra");
      await app.getByRole("option", { name: /^Brazil/ }).click();
      await expect(search).toHaveValue("@geo.country:Brazil");
      await expect(app).toHaveURL(/q=.*Brazil/);
    });
    await test.step("points of the series by the keyboard", async () => {
      const point = app.getByRole("button", { name: /, events [\d,]+/ });
      await point.focus();
      const first = await point.getAttribute("aria-label");
      await app.keyboard.press("ArrowRight");
      await expect(point).not.toHaveAttribute("aria-label", first ?? "");
      await both(app, "time series");
    });
    await test.step("every picture has a table beside it", async () => {
      for (const picture of ["Top list", "Tree map", "Pie", "Map", "Distribution", "Table", "Events"]) {
        await app.getByRole("button", { name: picture, exact: true }).first().click();
        await app.waitForLoadState("networkidle");
        await expect(app.getByRole("alert")).toHaveCount(0);
        await expectAccessible(app, picture);
      }
    });
    await test.step("a mistake is shown where it is", async () => {
      await app.getByRole("button", { name: "Top list" }).click();
      const search = app.getByRole("combobox", { name: "Search", exact: true });
      await search.fill("@geo.country:(Brazil");
      await search.press("Enter");
      await expect(app.getByRole("alert")).toContainText("never closed");
      await expect(search).toHaveAttribute("aria-invalid", "true");
      await search.fill("");
      await search.press("Enter");
      await expect(app.getByRole("alert")).toHaveCount(0);
    });
    await test.step("the most active people of a segment", async () => {
      await app.getByRole("button", { name: "Most active people" }).click();
      await app.locator("main").getByText("Segment", { exact: true }).click();
      await app.getByRole("option", { name: /Almost bought/ }).click();
      await expect(app.getByRole("button", { name: /, Value [\d,]+/ }).first()).toBeVisible();
      await app.getByRole("button", { name: "Table", exact: true }).last().click();
      const numbers = await app.getByRole("row").locator("td.numeric").allInnerTexts();
      const values = numbers.map((text) => Number(text.replaceAll(",", "")));
      expect(values.length).toBeGreaterThan(3);
      expect([...values].sort((a, b) => b - a)).toEqual(values);
    });
    await test.step("one group's people become a segment", async () => {
      await app.goto(
        `/explorer?viz=bars&measure=cardinality:@usr.id&by=${encodeURIComponent('[{"facet":"@geo.country","limit":5}]')}`,
      );
      await openMark(app, /^Brazil, Value/);
      const shown = await app.getByRole("menu").innerText();
      await expectAccessible(app, "menu of a mark");
      await app.getByRole("menuitem", { name: "View these people" }).click();
      const count = await peopleCount(app);
      expect(shown).toContain(count.toLocaleString("en"));
      await expectAccessible(app, "people");
      await saveSegment(app, `From Brazil ${RUN}`);
      await app.keyboard.press("Escape");
      await expect(app).not.toHaveURL(/people=/);
    });
    await test.step("and is compared with another", async () => {
      await app.goto("/explorer");
      for (const name of [`From Brazil ${RUN}`, "Almost bought"]) {
        await app.locator("main").getByText("Segment", { exact: true }).click();
        await app.getByRole("option", { name }).click();
        const role = app.getByRole("combobox", { name: `How ${name} is used` });
        if ((await role.innerText()) !== "compare") {
          await role.click();
          await app.getByRole("option", { name: "compare" }).click();
        }
      }
      await expect(app.locator(".chart-legend li")).toHaveText([`From Brazil ${RUN}`, "Almost bought"]);
      await expect(app).toHaveURL(/vs=/);
    });
  });
});

test("funnel: steps, suggestions, who was lost, and the chart saved", async ({ app }) => {
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
  await test.step("those lost before the third step are a live segment", async () => {
    await openMark(app, /^Lost before order_paid/);
    await app.getByRole("menuitem", { name: "View who was lost here" }).click();
    expect(await peopleCount(app)).toBeGreaterThan(0);
    await app.getByRole("button", { name: "Where they stopped" }).click();
    await expect(app.getByRole("table", { name: "Journeys" })).toBeVisible();
    await app.getByRole("button", { name: "People", exact: true }).click();
    await saveSegment(app, `Lost before paying ${RUN}`);
    await app.keyboard.press("Escape");
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

test("retention: cells, their people, and the curve", async ({ app }) => {
  await app.goto("/retention");
  await expect(app.getByRole("rowheader", { name: "Weighted mean" })).toBeVisible();
  await both(app, "retention");
  await test.step("by the keyboard to a cell and its people", async () => {
    const cell = app.getByRole("button", { name: /, Week 1: .*, [\d,]+ of [\d,]+/ }).first();
    const label = (await cell.getAttribute("aria-label")) ?? "";
    await cell.focus();
    await app.keyboard.press("Enter");
    await app.getByRole("menuitem", { name: "View who came back" }).click();
    const count = await peopleCount(app);
    expect(label).toContain(`${count.toLocaleString("en")} of`);
    await saveSegment(app, `Came back ${RUN}`);
    await app.keyboard.press("Escape");
  });
  await test.step("as a curve and as a table", async () => {
    await app.getByRole("button", { name: "Curve" }).click();
    await expect(
      app.getByRole("button", { name: /^Week 0/ }).or(app.getByRole("img", { name: /^Week 0/ })),
    ).toBeVisible();
    await app.getByRole("button", { name: "Table", exact: true }).click();
    await expect(app.getByRole("columnheader", { name: "Week 1" })).toBeVisible();
  });
});

test("pathways: nodes, their people, and a funnel of them", async ({ app }) => {
  await app.goto("/pathways");
  await expect(app.getByRole("button", { name: /^\/.*, sessions [\d,]+, of all/ }).first()).toBeVisible();
  await both(app, "pathways");
  await test.step("a node's people", async () => {
    await openMark(app, /^\/cart, sessions [\d,]+, of all/);
    await app.getByRole("menuitem", { name: "View these people" }).click();
    expect(await peopleCount(app)).toBeGreaterThan(0);
    await app.keyboard.press("Escape");
  });
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

test("users and accounts: lists, profiles, and a segment from a filter", async ({ app }) => {
  await app.goto("/users");
  await expect(app.getByText(/^[\d,]+ users/)).toBeVisible();
  await test.step("filtered and kept", async () => {
    const filter = app.getByRole("combobox", { name: "Filter" });
    await filter.fill("user_plan:premium");
    await filter.press("Enter");
    await expect(app).toHaveURL(/q=user_plan/);
    await both(app, "users");
    await app.getByRole("button", { name: "Create segment" }).click();
    await app.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill(`Premium ${RUN}`);
    await app.getByRole("dialog").getByRole("button", { name: "Save segment" }).click();
    await expect(app.getByText(`Segment “Premium ${RUN}” saved`)).toBeVisible();
  });
  await test.step("one of them, and why", async () => {
    await app.getByRole("row").nth(1).getByRole("link").first().click();
    await expect(app.getByRole("heading", { name: "Timeline" })).toBeVisible();
    await expect(app.getByText(/^Session, \d+ event/).first()).toBeVisible();
    await both(app, "profile");
    await app.getByRole("button", { name: "Why?" }).first().click();
    await expect(app.getByRole("dialog").getByText("holds", { exact: true }).first()).toBeVisible();
    await expectAccessible(app, "why");
    await app.keyboard.press("Escape");
  });
  await test.step("an account", async () => {
    await app.getByRole("link", { name: "Accounts" }).click();
    await app.getByRole("row").nth(1).getByRole("link").first().click();
    await expect(app.getByRole("heading", { name: "Timeline" })).toBeVisible();
    await expectAccessible(app, "account");
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
