import { expect, it } from "vitest";
import { lineDiff } from "./line-diff";

it("shows what went and what came", () => {
  const shown = lineDiff("a\nb\nc\nd", "a\nx\nc\nd\ne").map(({ sign, text }) => sign + text);
  expect(shown).toEqual([" a", "-b", "+x", " c", " d", "+e"]);
  expect(lineDiff("a", "a")).toEqual([{ sign: " ", text: "a" }]);
});
