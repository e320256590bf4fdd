// Writes .br and .gz beside every file of the build that shrinks, so that the server never compresses at run time.
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const COMPRESSIBLE = /\.(js|css|html|svg|json|txt|map)$/;

for (const name of await readdir(DIST, { recursive: true })) {
  const path = join(DIST, name);
  if (!COMPRESSIBLE.test(name) || !(await stat(path)).isFile()) continue;
  const bytes = await readFile(path);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  // index.html gets a nonce written into it, so it stays as it is.
  if (name === "index.html" || brotli.length >= bytes.length) continue;
  await writeFile(`${path}.br`, brotli);
  await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
