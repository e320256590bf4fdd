import { oneOf, text, unless } from "../analysis/read";
import type { SearchCodec } from "../app/search";

export type Kind = "user" | "account";

export interface ProfilesState {
  /** A profile query, such as `last_country_code:BR session_count:>=3`. */
  query: string;
  /** Text that an id, name or address contains. */
  term: string;
  columns: string[];
  sort: { field: string; order: "ASC" | "DESC" };
}

export const USUAL_COLUMNS: Record<Kind, string[]> = {
  user: ["user_email", "last_country_code", "session_count", "events_count", "first_seen", "last_seen"],
  account: ["user_count", "events_count", "session_count", "first_seen", "last_seen"],
};

const USUAL_SORT = "-last_seen";

export const profilesCodec: Record<Kind, SearchCodec<ProfilesState>> = {
  user: codec("user"),
  account: codec("account"),
};

function codec(kind: Kind): SearchCodec<ProfilesState> {
  const usual = USUAL_COLUMNS[kind].join(",");
  return {
    read: (search) => {
      const sort = text(search.sort) || USUAL_SORT;
      return {
        query: text(search.q),
        term: text(search.term),
        columns: (text(search.columns) || usual).split(",").filter((column) => column !== ""),
        sort: {
          field: sort.replace(/^-/, ""),
          order: oneOf(sort.startsWith("-") ? "DESC" : "ASC", ["ASC", "DESC"], "DESC"),
        },
      };
    },
    write: (state) => ({
      q: state.query || undefined,
      term: state.term || undefined,
      columns: unless(state.columns.join(","), usual),
      sort: unless(`${state.sort.order === "DESC" ? "-" : ""}${state.sort.field}`, USUAL_SORT),
    }),
  };
}

/** How a column of a profile is headed: `last_country_code` is "Last country code". */
export function columnName(name: string): string {
  const words = name
    .replace(/^@/, "")
    .replace(/^(user|account)_(?=\w)/, "")
    .replaceAll("_", " ");
  return (words.charAt(0).toUpperCase() + words.slice(1)).replace(/^Os\b/, "OS").replace(/^Avg\b/, "Average");
}
