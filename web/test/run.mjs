// Runs the end-to-end tests one file after the other, each with servers and browsers of its own.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { FACEMUX } from './harness.mjs';

if (!existsSync(FACEMUX)) {
  console.error(`${FACEMUX} is missing: build facemux with its page, or name it in FACEMUX`);
  process.exit(2);
}
const wanted = process.argv.slice(2);
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.e2e.mjs') && (wanted.length === 0 || wanted.some((word) => name.includes(word)))).map((name) => `test/${name}`);
process.exit(spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...files], { stdio: 'inherit' }).status ?? 1);
