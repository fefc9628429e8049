// Bundles the page into dist/ (names carry a hash of the content, but for index.html and the manifest), each
// file also as .gz, and fails when the whole weighs more than the page may. With --unit: the unit tests into dist-test/.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const COMPRESSED_BYTES_MAX = 200 * 1024;

if (process.argv.includes('--unit')) {
  rmSync('dist-test', { recursive: true, force: true });
  const tests = readdirSync('unit').filter((name) => name.endsWith('.test.ts')).map((name) => `unit/${name}`);
  await build({ entryPoints: tests, outdir: 'dist-test', bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' }, sourcemap: 'inline', logLevel: 'warning' });
  process.exit(0);
}

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist', { recursive: true });
const result = await build({
  entryPoints: { app: 'src/main.ts' },
  outdir: 'dist', bundle: true, format: 'esm', splitting: true, minify: true, target: 'es2022',
  entryNames: '[name]-[hash]', chunkNames: 'part-[hash]', assetNames: '[name]-[hash]',
  metafile: true, legalComments: 'none', logLevel: 'warning',
});

const built = Object.entries(result.metafile.outputs).map(([path, about]) => ({ file: path.replace(/^dist\//, ''), about }));
const script = built.find(({ file }) => /^app-.*\.js$/.test(file)).file;
const style = built.find(({ file }) => /^app-.*\.css$/.test(file)).file;

const names = {};
for (const name of readdirSync('static').filter((name) => name !== 'index.html' && name !== 'manifest.webmanifest')) {
  const bytes = readFileSync(`static/${name}`);
  const [stem, extension] = name.split(/\.(?=[^.]+$)/);
  names[name] = `${stem}-${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}.${extension}`;
  writeFileSync(`dist/${names[name]}`, bytes);
}
const fill = (text) => text
  .replaceAll('{{script}}', script).replaceAll('{{style}}', style)
  .replace(/\{\{([a-z0-9-]+\.[a-z]+)\}\}/g, (_, name) => names[name]);
writeFileSync('dist/index.html', fill(readFileSync('static/index.html', 'utf8')));
writeFileSync('dist/manifest.webmanifest', fill(readFileSync('static/manifest.webmanifest', 'utf8')));

let total = 0;
for (const name of readdirSync('dist').sort()) {
  const bytes = readFileSync(`dist/${name}`);
  const packed = gzipSync(bytes, { level: 9 });
  const smaller = packed.length < bytes.length;
  if (smaller) writeFileSync(`dist/${name}.gz`, packed);
  const weight = smaller ? packed.length : bytes.length;
  total += weight;
  console.log(`${String(weight).padStart(7)}  ${name}`);
}
console.log(`${String(total).padStart(7)}  bytes compressed in all, of at most ${COMPRESSED_BYTES_MAX}`);
if (total > COMPRESSED_BYTES_MAX) {
  console.error('The page is too heavy.');
  process.exit(1);
}
