import { expect, it } from "vitest";
import { previewText } from "./import";

function check(text: string, expected: { header?: string[]; rows: number; column: number; key: string }) {
  const { header, rows, guess } = previewText(text);
  expect({ header, rows: rows.length, ...guess }).toEqual({ header: undefined, ...expected });
}

it("guesses which column holds identifiers", () => {
  check("u-1\nu-2\n", { rows: 2, column: 0, key: "usr.id" });
  check("ada@example.com\nbob@example.com", { rows: 2, column: 0, key: "usr.email" });
  check("name,email\nAda,ada@example.com\n", {
    header: ["name", "email"],
    rows: 1,
    column: 1,
    key: "usr.email",
  });
  check("plan;user_id\r\npro;u-1\r\n", { header: ["plan", "user_id"], rows: 1, column: 1, key: "usr.id" });
  check("\uFEFFid,email\nu-1,a@b.c\n", { header: ["id", "email"], rows: 1, column: 0, key: "usr.id" });
  check('"Lovelace, Ada",u-1', { rows: 1, column: 0, key: "usr.id" });
  check("", { rows: 0, column: 0, key: "usr.id" });
});
