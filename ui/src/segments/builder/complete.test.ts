import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { complete, pathAt } from "./complete";

const schema = JSON.parse(
  readFileSync(new URL("../../../../crates/query/src/definition/schema.json", import.meta.url), "utf8"),
);

function check(text: string, options: string[]) {
  const caret = text.indexOf("|");
  const found = complete(text.replace("|", ""), caret, schema);
  expect(found.options.map(({ label }) => label)).toEqual(options);
}

it("completes members and values by the schema", () => {
  check("ent|", ["entity"]);
  check("entity: |", ["user", "account"]);
  check("where:\n  per|", ["performed"]);
  check("where:\n  all:\n    - performed:\n        steps:\n          - event: a\n            w|", ["within"]);
  check("where:\n  performed:\n    during:\n      l|", ["last"]);
  check('{\n  "where": {\n    "performed": {\n      "or|', ["order"]);
  check('{\n  "where": {\n    "performed": {\n      "order": "|', ["ordered", "any"]);
});

it("knows where it is", () => {
  expect(pathAt("where:\n  all:\n    - performed:\n        ", 1000)).toEqual(["where", "all", "performed"]);
});
