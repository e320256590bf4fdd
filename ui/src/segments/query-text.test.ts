import { describe, expect, it } from "vitest";
import { type Filter, readEvent, readQuery, writeEvent, writeQuery } from "./query-text";

function check(text: string, filters: Filter[], written = text) {
  expect(readQuery(text), text).toEqual(filters);
  expect(writeQuery(filters)).toBe(written);
  expect(readQuery(written)).toEqual(filters);
}

describe("queries as filters", () => {
  it("reads and writes conjunctions", () => {
    check("@view.name:/cart", [{ facet: "@view.name", op: "is", values: ["/cart"] }]);
    check('@geo.country:"United States" -service:shop', [
      { facet: "@geo.country", op: "is", values: ["United States"] },
      { facet: "service", op: "is_not", values: ["shop"] },
    ]);
    check("@action.name:(CHECKOUT OR BUY)", [
      { facet: "@action.name", op: "is", values: ["CHECKOUT", "BUY"] },
    ]);
    check("@view.url_path:/product/*", [{ facet: "@view.url_path", op: "matches", values: ["/product/*"] }]);
    check("@usr.plan:* -@usr.email:*", [
      { facet: "@usr.plan", op: "exists", values: [] },
      { facet: "@usr.email", op: "missing", values: [] },
    ]);
    check("@context.total:>=100", [{ facet: "@context.total", op: ">=", values: ["100"] }]);
    check("first_seen:>2026-11-01", [{ facet: "first_seen", op: ">", values: ["2026-11-01"] }]);
    check(
      "@a:x AND @b:y",
      [
        { facet: "@a", op: "is", values: ["x"] },
        { facet: "@b", op: "is", values: ["y"] },
      ],
      "@a:x @b:y",
    );
    check("@a:b\\ c", [{ facet: "@a", op: "is", values: ["b c"] }], '@a:"b c"');
    check('@a:"say \\"hi\\" \\\\"', [{ facet: "@a", op: "is", values: ['say "hi" \\'] }]);
    check('@a:"*"', [{ facet: "@a", op: "is", values: ["*"] }]);
    check('@a:"-5"', [{ facet: "@a", op: "is", values: ["-5"] }]);
  });

  it("leaves the rest as text", () => {
    for (const text of [
      "a OR b",
      "NOT @a:b",
      "(@a:b)",
      "checkout",
      "CIDR(@ip, 10.0.0.0/8)",
      "@a:[1 TO 2]",
      "@a IN (b, c)",
      '@a:"b',
      "-(@a:b @c:d)",
      "@a:(b OR c*)",
      "@a:(NOT b)",
    ]) {
      expect(readQuery(text), text).toBeUndefined();
    }
  });

  it("knows the event's type", () => {
    expect(readEvent("@type:view @view.name:/cart")).toEqual({
      type: "view",
      filters: [{ facet: "@view.name", op: "is", values: ["/cart"] }],
    });
    expect(readEvent("*")).toEqual({ type: "any", filters: [] });
    expect(readEvent("@type:session")).toBeUndefined();
    expect(writeEvent({ type: "any", filters: [] })).toBe("*");
    expect(
      writeEvent({ type: "server", filters: [{ facet: "@event.name", op: "is", values: ["paid"] }] }),
    ).toBe("@type:server @event.name:paid");
  });
});
