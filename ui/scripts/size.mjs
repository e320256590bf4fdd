// Fails when the first load or the whole app outgrows its budget (gzip).
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_KIB = 200;
const WHOLE_APP_KIB = 450;
const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

const gzipped = async (name) => gzipSync(await readFile(DIST + name), { level: 9 }).length;
const html = await readFile(`${DIST}index.html`, "utf8");
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]);
const assets = (await readdir(`${DIST}assets`)).filter((name) => /\.(js|css|json)$/.test(name));

let firstBytes = await gzipped("index.html");
for (const name of new Set(first)) firstBytes += await gzipped(name);
let allBytes = await gzipped("index.html");
const sizes = [];
for (const name of assets) {
  const bytes = await gzipped(`assets/${name}`);
  allBytes += bytes;
  sizes.push([bytes, name]);
}

const kib = (bytes) => (bytes / 1024).toFixed(1);
for (const [bytes, name] of sizes.sort((a, b) => b[0] - a[0]).slice(0, 12))
  console.log(`${kib(bytes).padStart(7)}  ${name}`);
console.log(
  `first load ${kib(firstBytes)} of ${FIRST_LOAD_KIB} KiB, whole app ${kib(allBytes)} of ${WHOLE_APP_KIB} KiB (gzip)`,
);
if (firstBytes > FIRST_LOAD_KIB * 1024 || allBytes > WHOLE_APP_KIB * 1024) {
  console.error("too large");
  process.exit(1);
}
