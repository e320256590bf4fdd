/** Writes plain data as YAML. Texts that YAML could take for something else are quoted. */
export function toYaml(value: unknown): string {
  return isBlock(value) ? lines(value).join("\n") : inline(value);
}

function isBlock(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function lines(value: object): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      if (!isBlock(item)) return [`- ${inline(item)}`];
      return lines(item).map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`));
    });
  }
  return Object.entries(value).flatMap(([key, member]) => {
    const name = inline(key);
    if (!isBlock(member)) return [`${name}: ${inline(member)}`];
    return [`${name}:`, ...lines(member).map((line) => `  ${line}`)];
  });
}

const PLAIN = /^[A-Za-z_/][\w /.<>=@()*+-]*$/;
const OTHER_MEANING = /^(true|false|null|yes|no|on|off|y|n|~)$/i;

function inline(value: unknown): string {
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object" && value !== null) return "{}";
  if (typeof value !== "string") return JSON.stringify(value);
  const plain = PLAIN.test(value) && !value.endsWith(" ") && !OTHER_MEANING.test(value);
  return plain ? value : JSON.stringify(value);
}
