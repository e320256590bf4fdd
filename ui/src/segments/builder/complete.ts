/** Which members and values may stand at a place of a definition written as YAML or as indented JSON. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  description?: string;
  enum?: string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
}

export interface Completion {
  label: string;
  detail?: string;
}

export interface Completions {
  /** Where the word begins that a choice replaces. */
  from: number;
  options: Completion[];
}

const KEY = /^(\s*(?:- )*)["']?([\w]+)["']?\s*:/;

/** Keys around the caret from outside in, by indentation. */
export function pathAt(text: string, caret: number): string[] {
  const lines = text.slice(0, caret).split("\n");
  const current = lines.pop() ?? "";
  let indent = /^\s*(?:- )*/.exec(current)?.[0].length ?? 0;
  const path: string[] = [];
  for (const line of lines.reverse()) {
    const key = KEY.exec(line);
    const [, lead = "", name = ""] = key ?? [];
    if (!key || lead.length >= indent) continue;
    path.unshift(name);
    indent = lead.length;
  }
  return path;
}

export function complete(text: string, caret: number, schema: Schema): Completions {
  const line = text.slice(text.lastIndexOf("\n", caret - 1) + 1, caret);
  const word = /[\w>=<]*$/.exec(line)?.[0] ?? "";
  const before = line.slice(0, line.length - word.length);
  const key = /["']?(\w+)["']?\s*:\s*["']?$/.exec(before)?.[1];
  const path = pathAt(text, caret);
  const places = placesOf(schema, key ? [...path, key] : path);
  const options = new Map<string, Completion>();
  for (const place of places) {
    for (const value of place.enum ?? []) options.set(value, { label: value });
    for (const [name, member] of key ? [] : Object.entries(place.properties ?? {})) {
      options.set(name, { label: name, detail: resolve(schema, member).description });
    }
  }
  const fitting = [...options.values()].filter(({ label }) => label.startsWith(word) && label !== word);
  return { from: caret - word.length, options: fitting };
}

function resolve(schema: Schema, place: Schema): Schema {
  const name = place.$ref?.replace("#/$defs/", "");
  const target = name ? schema.$defs?.[name] : undefined;
  return target ? { ...target, description: place.description ?? target.description } : place;
}

function placesOf(schema: Schema, path: string[]): Schema[] {
  const open = (place: Schema): Schema[] => {
    const resolved = resolve(schema, place);
    if (resolved.items) return open(resolved.items);
    return [resolved, ...(resolved.anyOf ?? []).flatMap(open)];
  };
  let places = open(schema);
  for (const name of path) {
    places = places.flatMap((place) => {
      const member = place.properties?.[name];
      return member ? open(member) : [];
    });
  }
  return places;
}
