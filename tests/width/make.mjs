// Asks @xterm/addon-unicode11 for the width of every code point and writes what it says:
//   tests/width/unicode11.txt     runs of equal width, "FIRST LAST WIDTH", what tests/width.rs expects
//   src/term/width_table.rs       the same as the two tables the model compiles in
//
//   npm install --prefix "$DIR" @xterm/addon-unicode11@0.9.0
//   node tests/width/make.mjs "$DIR"
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const packages = process.argv[2];
if (!packages) {
  console.error("usage: node tests/width/make.mjs DIR    (DIR/node_modules has @xterm/addon-unicode11)");
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const { Unicode11Addon } = createRequire(join(resolve(packages), "x.js"))("@xterm/addon-unicode11");

let provider;
new Unicode11Addon().activate({ unicode: { register: (p) => (provider = p) } });

const runs = [];
for (let code = 0; code <= 0x10ffff; code++) {
  const width = provider.wcwidth(code);
  const last = runs.at(-1);
  if (last && last.width === width) last.last = code;
  else runs.push({ first: code, last: code, width });
}

const hex = (n) => n.toString(16).toUpperCase().padStart(4, "0");
writeFileSync(
  join(here, "unicode11.txt"),
  runs.map((r) => `${hex(r.first)} ${hex(r.last)} ${r.width}\n`).join(""),
);

const table = (width) =>
  runs.filter((r) => r.width === width).flatMap((r) => [`0x${hex(r.first)}`, `0x${hex(r.last)}`]);
const rust = (name, doc, numbers) => `/// ${doc}\npub(super) const ${name}: &[u32] = &[${numbers.join(", ")}];\n`;
writeFileSync(
  join(here, "../../src/term/width_table.rs"),
  "//! Which code points take no cell and which take two: first and last of each run, ascending.\n" +
    "//!\n//! Written by tests/width/make.mjs; edit that.\n\n" +
    rust("ZERO", "Runs of width 0.", table(0)) +
    "\n" +
    rust("WIDE", "Runs of width 2.", table(2)),
);
