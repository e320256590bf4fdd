import { load } from "js-yaml";
import { expect, it } from "vitest";
import { toYaml } from "./yaml";

it("writes YAML that reads back the same", () => {
  for (const value of [
    { entity: "user", where: { all: [] } },
    { a: [{ b: 1, c: [{ d: "x" }, [1, [2]]] }, "text", null, true, 1.5] },
    {
      event: '@type:view @view.name:"/a b" -@x:*',
      last: "7d",
      op: ">=",
      at: "2026-11-01",
      no: "no",
      n: "12",
      e: "",
      t: " a ",
    },
    [
      "# no comment",
      "a: b",
      "- a",
      "\n",
      "1e3",
      "0x1F",
      "💡",
      "a #b",
      "|",
      "%",
      "!x",
      "&a",
      "*a",
      "'",
      "@",
      "a:",
      "NULL",
    ],
  ]) {
    expect(load(toYaml(value)), toYaml(value)).toEqual(value);
  }
});
