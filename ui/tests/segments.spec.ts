import { expect, expectAccessible, numberIn, test } from "./app";

const RUN = Date.now().toString(36);

test("almost bought: built by clicks, saved, explained, compared", async ({ app }) => {
  const name = `Left the cart ${RUN}`;
  let all = 0;
  let one = 0;
  let who = "";

  await test.step("everyone who viewed a page", async () => {
    await app.getByRole("link", { name: "New segment" }).click();
    await expect(app.getByTestId("echo")).toContainText("Users who viewed any page");
    all = await numberIn(app, "count");
    expect(all).toBeGreaterThan(0);
  });

  await test.step("who viewed the cart", async () => {
    await app.getByRole("combobox", { name: "Page" }).fill("/cart");
    await app.keyboard.press("Escape");
    await app.keyboard.press("Tab");
    await expect(app.getByTestId("echo")).toContainText("viewed /cart");
    one = await numberIn(app, "count");
    expect(one).toBeLessThan(all);
  });

  await test.step("and then did not check out, in the same session", async () => {
    await app.getByRole("button", { name: "then did not", exact: true }).click();
    const second = app.getByRole("group", { name: "Step 2" });
    await second.getByRole("combobox", { name: "Action" }).fill("CHECKOUT");
    await app.keyboard.press("Escape");
    await app.keyboard.press("Tab");
    await app.getByRole("combobox", { name: "How close together" }).click();
    await app.getByRole("option", { name: "in the same session" }).click();
    await expect(app.getByTestId("echo")).toContainText(
      "viewed /cart and then did not perform the action CHECKOUT in the same session, in the last 30 days",
    );
    expect(await numberIn(app, "count")).toBeLessThan(one);
    await expectAccessible(app, "builder");
  });

  await test.step("undo and redo", async () => {
    await app.getByRole("button", { name: "Undo (⌘Z)" }).click();
    await expect(app.getByTestId("echo")).not.toContainText("same session");
    await app.getByRole("button", { name: "Redo (⇧⌘Z)" }).click();
    await expect(app.getByTestId("echo")).toContainText("same session");
  });

  await test.step("the code says the same, both ways", async () => {
    await app.getByRole("button", { name: "Code", exact: true }).click();
    const code = app.getByRole("textbox", { name: "Definition as code" });
    await expect(code).toHaveValue(/within: session/);
    await code.fill(
      (await code.inputValue()).replace("last: 30d", "last: 7d").replace('last: "30d"', "last: 7d"),
    );
    await expect(app.getByTestId("echo")).toContainText("in the last 7 days");
    await expectAccessible(app, "code");
    await app.getByRole("button", { name: "Sentence" }).click();
    await expect(app.getByRole("textbox", { name: "How long back" })).toHaveValue("7");
  });

  await test.step("the address holds it", async () => {
    await expect(app).toHaveURL(/CHECKOUT/);
    await app.reload();
    await expect(app.getByTestId("echo")).toContainText("CHECKOUT in the same session, in the last 7 days");
  });

  await test.step("saved", async () => {
    await app.getByRole("button", { name: "Save segment…" }).click();
    await app.getByRole("textbox", { name: "Name" }).fill(name);
    await app.getByRole("textbox", { name: "Tags" }).fill("test, cart");
    await expectAccessible(app, "save");
    await app.getByRole("button", { name: "Save", exact: true }).click();
    await expect(app.getByRole("heading", { name, level: 1 })).toBeVisible();
    expect(await numberIn(app, "size")).toBeGreaterThan(0);
  });

  await test.step("members, and why one of them is in", async () => {
    const row = app.getByRole("table", { name: "Members" }).getByRole("row").nth(1);
    who = await row.getByRole("link").first().innerText();
    await expectAccessible(app, "members");
    await row.getByRole("link", { name: /Why is/ }).click();
    const why = app.getByRole("region", { name: "Why", exact: true });
    await expect(why).toContainText(`${who} is in this segment`);
    await expect(why).toContainText("By these events");
    await expectAccessible(app, "why");
  });

  await test.step("size over time, composition, versions", async () => {
    await app.getByRole("tab", { name: "Size over time" }).click();
    await app.getByRole("button", { name: "Table", exact: true }).click();
    await expect(app.getByRole("columnheader", { name: "Joined" })).toBeVisible();
    await app.getByRole("tab", { name: "Composition" }).click();
    await expect(app.getByRole("columnheader", { name: "Times as often" })).toBeVisible();
    await expectAccessible(app, "composition");
    await app.getByRole("tab", { name: "Versions" }).click();
    await expect(app.getByText("This is the only version so far.")).toBeVisible();
  });

  await test.step("overlap with another", async () => {
    await app.getByRole("tab", { name: "Overlap" }).click();
    await app.getByRole("button", { name: "Add a segment" }).click();
    await app.getByRole("option", { name: /Almost bought/ }).click();
    await expect(app.getByRole("columnheader", { name: "Of either (Jaccard)" })).toBeVisible();
    await expectAccessible(app, "overlap");
  });

  await test.step("changed, with who joins and leaves told first", async () => {
    await app.getByRole("link", { name: "Edit" }).click();
    await app.getByRole("textbox", { name: "How long back" }).fill("1");
    await expect(app.getByTestId("echo")).toContainText("in the last day");
    await app.getByRole("button", { name: "Save…", exact: true }).click();
    const dialog = app.getByRole("dialog");
    await expect(dialog.getByText("leave", { exact: true })).toBeVisible();
    await dialog.getByRole("button", { name: "Save the change" }).click();
    await app.getByRole("tab", { name: "Versions" }).click();
    await expect(app.getByText("If it were version 1 again")).toBeVisible();
  });

  await test.step("deleted and restored", async () => {
    await app.getByRole("button", { name: "Delete" }).click();
    await app.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect(app).toHaveURL(/\/segments(\?|$)/);
    await app.getByRole("button", { name: "Restore" }).click();
    await expect(app.getByRole("link", { name })).toBeVisible();
  });
});

test("a CSV file becomes a segment", async ({ app }) => {
  const name = `A list ${RUN}`;
  await app.goto("/segments/import");
  await app.getByLabel("CSV file").setInputFiles({
    name: "people.csv",
    mimeType: "text/csv",
    buffer: Buffer.from("name,user_id\nAda,u-00007\nBob,u-00008\nBob again,u-00008\nNobody,u-nobody\n"),
  });
  await expect(app.getByRole("radio", { name: "user_id" })).toBeChecked();
  await app.getByRole("textbox", { name: "Name of the segment" }).fill(name);
  await app.getByRole("button", { name: "Check the list" }).click();
  await expect(app.getByRole("button", { name: `Make “${name}”` })).toBeVisible();
  await expectAccessible(app, "dry run");
  await app.getByRole("button", { name: `Make “${name}”` }).click();
  await app.getByRole("link", { name: "Open the segment" }).click();
  await expect(app.getByRole("heading", { name, level: 1 })).toBeVisible();
  await expect(app.getByText("static", { exact: true })).toBeVisible();
});
