/**
 * A search query as a list of filters, as far as it is a plain conjunction. What is more than that (OR between terms,
 * groups, free text, functions) is shown and edited as text.
 */
export type FilterOp =
  | "is"
  | "is_not"
  | "matches"
  | "not_matches"
  | "exists"
  | "missing"
  | ">"
  | ">="
  | "<"
  | "<=";

export interface Filter {
  /** As written: `@view.name`, `service`, or a bare profile attribute. */
  facet: string;
  op: FilterOp;
  /** Unescaped. `is` and `is_not` take several, the others one or none. */
  values: string[];
}

export type EventType = "any" | "view" | "action" | "server";

/** Undefined when the query is more than a conjunction of filters. */
export function readQuery(text: string): Filter[] | undefined {
  const tokens = tokensOf(text);
  if (!tokens) return undefined;
  const filters: Filter[] = [];
  for (const token of tokens) {
    if (token === "AND" || token === "*") continue;
    const filter = readTerm(token);
    if (!filter) return undefined;
    filters.push(filter);
  }
  return filters;
}

/** Splits at blanks outside of quotes and parentheses. Undefined when they don't close. */
function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  let token = "";
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") {
      token += char + text.charAt(at + 1);
      at += 1;
      continue;
    }
    if (char === '"') quoted = !quoted;
    if (!quoted && (char === "(" || char === "[")) depth += 1;
    if (!quoted && (char === ")" || char === "]")) depth -= 1;
    if (/\s/.test(char) && !quoted && depth === 0) {
      if (token) tokens.push(token);
      token = "";
    } else {
      token += char;
    }
  }
  if (quoted || depth !== 0) return undefined;
  if (token) tokens.push(token);
  return tokens;
}

const TERM = /^(-?)(@?[A-Za-z_][\w.$-]*):([\s\S]+)$/;
const COMPARISON = /^(>=|<=|>|<)([^\s"()[\]*?\\]+)$/;

function readTerm(token: string): Filter | undefined {
  const term = TERM.exec(token);
  if (!term) return undefined;
  const [, minus, facet = "", value = ""] = term;
  const negative = minus === "-";
  const comparison = COMPARISON.exec(value);
  if (comparison) {
    const [, op = ">", bound = ""] = comparison;
    return negative ? undefined : { facet, op: op as FilterOp, values: [bound] };
  }
  if (value === "*") return { facet, op: negative ? "missing" : "exists", values: [] };
  if (value.startsWith("(")) {
    const values = readList(value);
    return values && { facet, op: negative ? "is_not" : "is", values };
  }
  const read = readValue(value);
  if (!read) return undefined;
  if (read.wild) return { facet, op: negative ? "not_matches" : "matches", values: [value] };
  return { facet, op: negative ? "is_not" : "is", values: [read.value] };
}

function readList(text: string): string[] | undefined {
  if (!text.endsWith(")")) return undefined;
  const tokens = tokensOf(text.slice(1, -1));
  if (!tokens || tokens.length % 2 === 0) return undefined;
  const values: string[] = [];
  for (const [index, token] of tokens.entries()) {
    if (index % 2 === 1) {
      if (token !== "OR") return undefined;
      continue;
    }
    const read = readValue(token);
    if (!read || read.wild || /^(-|NOT$|AND$|OR$)/.test(token)) return undefined;
    values.push(read.value);
  }
  return values;
}

function readValue(text: string): { value: string; wild: boolean } | undefined {
  if (text.startsWith('"')) {
    if (text.length < 2 || !text.endsWith('"')) return undefined;
    const inner = text.slice(1, -1);
    if (/(^|[^\\])(\\\\)*"/.test(inner)) return undefined;
    return { value: inner.replace(/\\(.)/g, "$1"), wild: false };
  }
  if (/^[[<>]/.test(text)) return undefined;
  let value = "";
  let wild = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") {
      at += 1;
      value += text.charAt(at);
    } else if (/[()"[\]:]/.test(char)) {
      return undefined;
    } else {
      wild ||= char === "*" || char === "?";
      value += char;
    }
  }
  return { value, wild };
}

export function writeQuery(filters: Filter[]): string {
  return filters.map(writeTerm).filter(Boolean).join(" ");
}

function writeTerm({ facet, op, values }: Filter): string {
  const [first] = values;
  switch (op) {
    case "exists":
      return `${facet}:*`;
    case "missing":
      return `-${facet}:*`;
    case "is":
    case "is_not": {
      if (first === undefined) return "";
      const list = values.length > 1 ? `(${values.map(writeValue).join(" OR ")})` : writeValue(first);
      return `${op === "is_not" ? "-" : ""}${facet}:${list}`;
    }
    case "matches":
    case "not_matches":
      return first === undefined
        ? ""
        : `${op === "matches" ? "" : "-"}${facet}:${first.replace(/([\s():"])/g, "\\$1")}`;
    default:
      return first === undefined ? "" : `${facet}:${op}${first}`;
  }
}

const PLAIN = /^[^\s:()"\\*?[\]<>=~!-][^\s:()"\\*?[\]<>=~!]*$/;

export function writeValue(value: string): string {
  if (PLAIN.test(value) && !/^(AND|OR|NOT|IN)$/.test(value)) return value;
  return `"${value.replace(/(["\\])/g, "\\$1")}"`;
}

/** The facet that names an event of this type. */
export const NAME_FACET: Record<Exclude<EventType, "any">, string> = {
  view: "@view.name",
  action: "@action.name",
  server: "@event.name",
};

export interface EventForm {
  type: EventType;
  filters: Filter[];
}

/** An event query as its type and filters; undefined when only text shows it. */
export function readEvent(text: string): EventForm | undefined {
  const filters = readQuery(text);
  if (!filters) return undefined;
  const types = filters.filter((filter) => filter.facet === "@type");
  const [type] = types;
  if (!type) return { type: "any", filters };
  const [value] = type.values;
  const known = value === "view" || value === "action" || value === "server";
  if (types.length > 1 || type.op !== "is" || type.values.length !== 1 || !known) return undefined;
  return { type: value, filters: filters.filter((filter) => filter !== type) };
}

export function writeEvent({ type, filters }: EventForm): string {
  const query = writeQuery(filters);
  return type === "any" ? query || "*" : `@type:${type}${query ? ` ${query}` : ""}`;
}
