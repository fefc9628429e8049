// Usable by all: axe finds nothing serious in either theme, and a phone gets its keys and its targets.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';
import { Server, browse, closeWindows, connected, open, seen, until, window } from './harness.mjs';

const axe = createRequire(import.meta.url)('axe-core').source;
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

async function faults(page) {
  // The page's policy forbids foreign script: axe comes in through the debugger.
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe);
  // A program's own true colours are its own; everything else is the page's.
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(' | ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing serious in the ${colorScheme} theme`, { timeout: 240_000 }, async () => {
    const id = await server.face(`axe-${colorScheme}`, '/bin/sh', '-c', 'for c in 1 2 3 4 5 6 7; do printf "\\033[3${c}mcolour\\033[0m \\033[9${c}mbright\\033[0m\\n"; done; exec /bin/sh');
    const busy = await server.face(`busy-${colorScheme}`, '/bin/sh', '-c', 'while :; do echo tick; sleep 1; done');
    const ended = await server.face(`ended-${colorScheme}`);
    const context = await window(browser, server, { colorScheme });
    const page = await open(context, server, id);
    await connected(page, busy);
    await connected(page, ended);
    const look = async (what) => assert.deepEqual(await faults(page), [], what);
    await page.waitForSelector(`.row[data-face="${busy}"] .unread`);
    await look('the page');
    await page.keyboard.press('Control+Shift+P');
    await look('the palette');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+F');
    await page.keyboard.type('colour');
    await look('find');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+L');
    await page.keyboard.type('bright');
    await page.waitForSelector('.matches li');
    await look('the filter');
    await page.keyboard.press('Escape');
    await page.click('[aria-label="Settings"]');
    await look('the settings');
    await page.keyboard.press('Escape');
    await page.click('[aria-label="New face"]');
    await look('a dialog');
    await page.keyboard.press('Escape');
    await page.hover(`.row[data-face="${id}"]`);
    await page.click(`.row[data-face="${id}"] .row-more`);
    await look('a menu');
    await page.keyboard.press('Escape');
    await server.cli('kill', String(ended));
    await page.waitForSelector('.toast');
    await page.click(`.row[data-face="${ended}"] .row-main`);
    await page.waitForSelector('.over dl');
    await look('a notice and a certificate');
    await context.setOffline(true);
    await page.waitForSelector('.banner:not([hidden])');
    await look('the banner');
    await context.close();
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing serious in the plain pages, ${colorScheme}`, { timeout: 180_000 }, async () => {
    const ended = await server.face(`gone-${colorScheme}`, '/bin/sh', '-c', 'echo last words');
    await until('its end', async () => (await server.info(ended)).state === 'ended');
    const stranger = await (await browser.newContext({ colorScheme })).newPage();
    const known = await (await window(browser, server, { colorScheme })).newPage();
    for (const [page, path, heading] of [
      [stranger, '/?face=1', 'Sign in'], [stranger, '/?t=wrong', 'Sign in'], [known, '/?face=99999', 'No such face'], [known, `/?face=${ended}`, `gone-${colorScheme} has ended`],
    ]) {
      await page.goto(server.url + path);
      await page.waitForSelector(`h1:has-text("${heading}")`);
      assert.deepEqual(await faults(page), [], path);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is not wider than its window`);
    }
    await stranger.context().close();
  });
}

test('a phone has keys, targets of 44 pixels and a list that makes room', { timeout: 180_000 }, async () => {
  const id = await server.face('phone', '/bin/cat', '-v');
  const context = await window(browser, server, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const page = await open(context, server, id);
  await page.tap('.area');
  for (const key of ['Escape', 'Left']) await page.tap(`.keybar [aria-label="${key}"]`);
  await page.tap('.keybar [aria-label="Control"]');
  assert.equal(await page.getAttribute('.keybar [aria-label="Control"]', 'aria-pressed'), 'true');
  await page.keyboard.type('a');
  assert.equal(await page.getAttribute('.keybar [aria-label="Control"]', 'aria-pressed'), 'false');
  await page.keyboard.type('\n');
  await seen(page, id, '^[^[[D^A');
  await page.tap('.toggle-sidebar');
  await page.waitForSelector('.sidebar', { state: 'visible' });
  const small = await page.$$eval('button, input, [role="tab"]', (targets) => targets.filter((target) => {
    const box = target.getBoundingClientRect();
    return target.checkVisibility() && box.width > 0 && (box.width < 43.5 || box.height < 43.5);
  }).map((target) => `${target.className} ${target.getBoundingClientRect().width}x${target.getBoundingClientRect().height}`));
  assert.deepEqual(small, []);
  await page.tap(`.row[data-face="${id}"] .row-main`);
  await page.waitForSelector('.sidebar', { state: 'hidden' });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false);
  await context.close();
});

test('the page can be installed and asks for nothing from elsewhere', { timeout: 180_000 }, async () => {
  const id = await server.face('installed');
  const context = await window(browser, server);
  const foreign = [];
  context.on('request', (request) => { if (!request.url().startsWith(server.url) && !request.url().startsWith('data:')) foreign.push(request.url()); });
  const page = await open(context, server, id);
  const manifest = await page.evaluate(async () => (await fetch(document.querySelector('link[rel="manifest"]').href)).json());
  assert.equal(manifest.display, 'standalone');
  for (const icon of manifest.icons) assert.equal((await page.request.get(`${server.url}/${icon.src}`)).status(), 200, icon.src);
  const policy = (await page.request.get(`${server.url}/?face=${id}`)).headers()['content-security-policy'];
  assert.ok(policy.includes("default-src 'none'") && !policy.replace(/style-src[^;]*/, '').includes('unsafe-inline'), policy);
  await until('the page quiet', async () => foreign.length === 0, 1000);
  assert.deepEqual(context.complaints, []);
  await context.close();
});
