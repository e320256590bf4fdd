import { expect, test } from "vitest";
import { allOf, completionAt, errorPosition, quoteValue, tokenize } from "./query-tokens";

const QUERIES = [
  "",
  "@type:view @view.name:/cart",
  '-@geo.country:("United States" OR Brazil) AND NOT service:shop',
  "@context.total:[10 TO 20] @view.loading_time:>=1s",
  'odd "never closed \\ and a:b:c (',
];

test("the tokens of a query are the query", () => {
  for (const query of QUERIES) {
    const tokens = tokenize(query);
    expect(tokens.map((token) => token.text).join("")).toBe(query);
    let at = 0;
    for (const token of tokens) {
      expect(token.start).toBe(at);
      at += token.text.length;
    }
  }
});

test("facets, values and operators are told apart", () => {
  const kinds = tokenize("@view.name:/cart AND -service:shop").map((token) => `${token.kind} ${token.text}`);
  expect(kinds).toEqual([
    "facet @view.name",
    "operator :",
    "value /cart",
    "blank  ",
    "operator AND",
    "blank  ",
    "not -",
    "tag service",
    "operator :",
    "value shop",
  ]);
});

test("what is completed at the caret", () => {
  const check = (marked: string, wanted: unknown) => {
    const caret = marked.indexOf("|");
    expect(completionAt(marked.replace("|", ""), caret)).toEqual(wanted);
  };
  check("|", { wants: "facet", typed: "", start: 0, end: 0 });
  check("@vie|", { wants: "facet", typed: "@vie", start: 0, end: 4 });
  check("@view.name:|", { wants: "value", facet: "@view.name", typed: "", start: 11, end: 11 });
  check("@view.name:/ca|", { wants: "value", facet: "@view.name", typed: "/ca", start: 11, end: 14 });
  check('@geo.country:"Uni|', { wants: "value", facet: "@geo.country", typed: "Uni", start: 13, end: 17 });
  check("@geo.country:(Brazil OR Ger|", {
    wants: "value",
    facet: "@geo.country",
    typed: "Ger",
    start: 24,
    end: 27,
  });
  check("@a:b |", { wants: "facet", typed: "", start: 5, end: 5 });
});

test("values are quoted when they have to be", () => {
  expect(quoteValue("/cart")).toBe("/cart");
  expect(quoteValue("United States")).toBe('"United States"');
  expect(quoteValue("AND")).toBe('"AND"');
  expect(quoteValue('5" disc')).toBe('"5\\" disc"');
  expect(quoteValue("-5")).toBe('"-5"');
});

test("conditions are joined without changing their meaning", () => {
  expect(allOf("@a:1", "", undefined, "*")).toBe("@a:1");
  expect(allOf("@type:view", "@a:1 OR @b:2")).toBe("@type:view (@a:1 OR @b:2)");
});

test("the server's position is found", () => {
  expect(errorPosition("this parenthesis is never closed, at position 25 of the query; close it")).toBe(24);
  expect(errorPosition("the server can't be reached")).toBeNull();
});
