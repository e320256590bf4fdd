/** The search syntax as far as the eye and the completion need it; the server alone judges a query. */

export type TokenKind =
  | "facet"
  | "tag"
  | "value"
  | "quoted"
  | "operator"
  | "group"
  | "not"
  | "text"
  | "blank";

export interface Token {
  kind: TokenKind;
  text: string;
  /** Offset of its first character. */
  start: number;
}

const RULES: [TokenKind, RegExp][] = [
  ["blank", /^\s+/],
  ["operator", /^(?:AND|OR|NOT|IN|TO)(?=[\s()[\]]|$)/],
  ["quoted", /^"(?:\\.|[^"\\])*"?/],
  ["not", /^-(?=[@\w(])/],
  ["facet", /^@(?:\\.|[^\s:()"\\])*/],
  ["group", /^[()[\]]/],
  ["operator", /^:(?:>=|<=|>|<)?/],
  ["tag", /^[A-Za-z_][\w.]*(?=:)/],
  ["text", /^(?:\\.|[^\s:()[\]"\\])+/],
  ["text", /^\\/],
];

/** Cuts a query into pieces that together are the query, character by character. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const rest = query.slice(at);
    const hit = RULES.map(([kind, rule]) => ({ kind, text: rule.exec(rest)?.[0] ?? "" })).find(
      ({ text }) => text !== "",
    );
    const text = hit?.text ?? rest.charAt(0);
    const previous = tokens.at(-1);
    const kind =
      hit?.kind === "text" && previous?.kind === "operator" && previous.text.startsWith(":")
        ? "value"
        : (hit?.kind ?? "text");
    tokens.push({ kind, text, start: at });
    at += text.length;
  }
  return tokens;
}

export type Completion =
  | { wants: "facet"; typed: string; start: number; end: number }
  | { wants: "value"; facet: string; typed: string; start: number; end: number };

/** What could be completed at the caret, and which characters a choice replaces. */
export function completionAt(query: string, caret: number): Completion | null {
  const tokens = tokenize(query);
  const at = tokens.findIndex((token) => token.start < caret && caret <= token.start + token.text.length);
  const token = tokens[at];
  if (!token) return caret === 0 && query === "" ? { wants: "facet", typed: "", start: 0, end: 0 } : null;
  const end = token.start + token.text.length;
  if (token.kind === "facet") return { wants: "facet", typed: token.text, start: token.start, end };
  if (token.kind === "blank" && caret === query.length)
    return { wants: "facet", typed: "", start: caret, end: caret };
  if (token.kind === "text" && !/[*?]/.test(token.text))
    return inValueList(tokens, at, token) ?? { wants: "facet", typed: token.text, start: token.start, end };
  if (token.kind === "operator" && token.text === ":") {
    const facet = facetBefore(tokens, at);
    return facet ? { wants: "value", facet, typed: "", start: end, end } : null;
  }
  if (token.kind === "value" || token.kind === "quoted") {
    const facet = tokens[at - 1]?.text === ":" ? facetBefore(tokens, at - 1) : null;
    if (facet) return { wants: "value", facet, typed: unquote(token.text), start: token.start, end };
    return inValueList(tokens, at, token);
  }
  if (token.kind === "group" && token.text === "(")
    return inValueList(tokens, at + 1, { text: "", start: end });
  return null;
}

/** `@facet:(a OR b…`: what is typed in a list of values. */
function inValueList(tokens: Token[], at: number, token: { text: string; start: number }): Completion | null {
  for (let i = at - 1; i >= 1; i--) {
    if (tokens[i]?.text === ")") return null;
    if (tokens[i]?.text !== "(") continue;
    const facet = tokens[i - 1]?.text === ":" ? facetBefore(tokens, i - 1) : null;
    return facet
      ? {
          wants: "value",
          facet,
          typed: unquote(token.text),
          start: token.start,
          end: token.start + token.text.length,
        }
      : null;
  }
  return null;
}

function facetBefore(tokens: Token[], colon: number): string | null {
  const token = tokens[colon - 1];
  return token && (token.kind === "facet" || token.kind === "tag") ? token.text : null;
}

function unquote(text: string): string {
  return text.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1");
}

/** A value as it has to be written in a query: quoted when a character of it means something. */
export function quoteValue(value: string): string {
  return /^[\w./@%+][\w./@%+-]*$/.test(value) && !/^(?:AND|OR|NOT|IN|TO)$/.test(value)
    ? value
    : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Conditions that must all hold. Each is put into parentheses if it is more than one term. */
export function allOf(...queries: (string | undefined)[]): string {
  const given = queries.map((query) => query?.trim() ?? "").filter((query) => query !== "" && query !== "*");
  if (given.length <= 1) return given[0] ?? "";
  return given.map((query) => (/(?:^|\s)(?:OR)(?:\s|$)/.test(query) ? `(${query})` : query)).join(" ");
}

/** Where the server says that a query is wrong. Positions count from 1 in its words, from 0 here. */
export function errorPosition(message: string): number | null {
  const found = /at position (\d+)/.exec(message);
  return found ? Number(found[1]) - 1 : null;
}
