// What the page shows: every mark of the list, and everything a person can do with faces.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Server, browse, closeWindows, connected, lines, open, seen, until, window } from './harness.mjs';

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

const mark = (page, id, wanted) => until(`face ${id} to be ${wanted}`, async () => (await page.getAttribute(`.row[data-face="${id}"]`, 'data-mark')) === wanted);
const words = (page, id) => page.textContent(`.row[data-face="${id}"] .spoken`);
const menu = async (page, id, entry) => {
  await page.hover(`.row[data-face="${id}"]`);
  await page.click(`.row[data-face="${id}"] .row-more`);
  await page.click(`[role="menuitem"]:has-text("${entry}")`);
};

/** Closes a face's WebSocket with a code, and every later one, until `mend` is called. */
async function disturb(context, id, code, reason) {
  const disturbed = { code };
  await context.routeWebSocket(new RegExp(`/ws\\?face=${id}\\b`), (socket) => {
    if (disturbed.code === null) return void socket.connectToServer();
    socket.close({ code: disturbed.code, reason });
  });
  return { mend: () => { disturbed.code = null; } };
}

test('every mark has its shape, its colour and its words', { timeout: 180_000 }, async () => {
  const viewed = await server.face('viewed');
  const idle = await server.face('idle');
  const busy = await server.face('busy', '/bin/sh', '-c', 'while :; do echo tick; sleep 0.2; done');
  const torn = await server.face('torn');
  const barred = await server.face('barred');
  const left = await server.face('left');
  const context = await window(browser, server);
  const lost = await disturb(context, torn, 1011, 'a test');
  await disturb(context, barred, 1008, 'not allowed');
  const page = await open(context, server, viewed);
  await connected(page, left);
  await menu(page, left, 'Disconnect');
  const wanted = { [viewed]: 'viewed', [idle]: 'connected', [busy]: 'streaming', [torn]: 'reconnecting', [barred]: 'error', [left]: 'disconnected' };
  const shapes = new Set();
  const colours = new Set();
  for (const [id, kind] of Object.entries(wanted)) {
    await mark(page, id, kind);
    const icon = page.locator(`.row[data-face="${id}"] .mark svg`);
    assert.equal(await icon.getAttribute('data-icon'), kind);
    shapes.add(await icon.innerHTML());
    colours.add(await icon.evaluate((svg) => getComputedStyle(svg).color));
  }
  assert.deepEqual([shapes.size, colours.size], [6, 6], 'each mark differs in shape and in colour');
  assert.match(await words(page, viewed), /connected, viewed now/);
  await until('the count of tries', async () => /reconnecting \(\d+\)/.test(await words(page, torn)));
  assert.match(await words(page, barred), /not allowed/);
  assert.match(await words(page, left), /disconnected/);
  await until('unread of the busy face', async () => Number((await page.textContent(`.row[data-face="${busy}"] .unread`).catch(() => '0')).replace('+', '')) > 0);
  await page.waitForSelector(`#tab-${busy} .dot:not([hidden])`);
  lost.mend();
  await mark(page, torn, 'connected');
  await page.click(`.row[data-face="${left}"] .row-main`);
  await mark(page, left, 'viewed');
  await connected(page, left);
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test('bell, progress, previews, viewers and side channels are in the list', { timeout: 180_000 }, async () => {
  const parent = await server.face('parent');
  const loud = await server.face('loud', '/bin/sh', '-c', 'read x; printf "\\033]9;4;1;40\\007<b>50 of 60</b>\\a"; read y');
  const { stdout } = await server.cli('new', '-d', '--side-of', String(parent), '--', '/bin/sh');
  const side = Number(stdout.trim());
  const context = await window(browser, server);
  const page = await open(context, server, parent);
  await connected(page, loud);
  await server.cli('send', String(loud), '--keys', 'Enter');
  await page.waitForSelector(`.row[data-face="${loud}"] .badge.bell`);
  await page.waitForSelector(`.row[data-face="${loud}"] .badge.progress:has-text("40%")`);
  await until('the preview as text', async () => (await page.textContent(`.row[data-face="${loud}"] .preview`)).includes('<b>50 of 60</b>'));
  const order = await page.$$eval('.row', (rows) => rows.map((row) => [Number(row.dataset.face), row.dataset.depth]));
  const at = order.findIndex(([id]) => id === parent);
  assert.deepEqual(order[at + 1], [side, '1']);
  const other = await open(await window(browser, server), server, parent);
  await page.waitForSelector(`.row[data-face="${parent}"] .badge.people:has-text("1")`);
  await other.context().close();
  await context.close();
});

test('faces are made, renamed and ended, here and elsewhere', { timeout: 180_000 }, async () => {
  const first = await server.face('one');
  const context = await window(browser, server);
  const page = await open(context, server, first);
  await page.click('[aria-label="New face"]');
  await page.fill('dialog input >> nth=0', 'made-here');
  await page.click('dialog button:has-text("Start")');
  const made = await until('the new face', async () => page.getAttribute('.row[data-mark="viewed"]:has-text("made-here")', 'data-face', { timeout: 100 }));
  await connected(page, Number(made));
  await page.keyboard.type('echo typed-at-once\n');
  await seen(page, Number(made), /^typed-at-once/);
  await menu(page, made, 'Rename');
  await page.fill('dialog input', 'renamed');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.tab:has-text("renamed")');
  assert.equal((await server.info(Number(made))).name, 'renamed');
  const elsewhere = await server.face('elsewhere');
  await mark(page, elsewhere, 'connected');
  await server.cli('kill', String(elsewhere));
  await page.waitForSelector('.toast:has-text("elsewhere ended")');
  await page.waitForSelector(`.row[data-face="${elsewhere}"][data-ended]`);
  await page.click(`.row[data-face="${elsewhere}"] .row-main`);
  await page.waitForSelector('.over dl');
  await page.click('.over button:has-text("Remove from the list")');
  await until('the row gone', async () => (await page.$(`.row[data-face="${elsewhere}"]`)) === null);
  await menu(page, made, 'End');
  await page.waitForSelector('dialog:has-text("End renamed?")');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Cancel');
  await page.click('dialog button:has-text("End it")');
  await page.waitForSelector(`.row[data-face="${made}"][data-ended]`);
  await until('the face ended', async () => (await server.info(Number(made))).state === 'ended');
  assert.deepEqual(context.complaints, []);
  await context.close();
});

test('switching changes the view alone, by list, tab, key and palette', { timeout: 180_000 }, async () => {
  const one = await server.face('switch-one');
  const two = await server.face('switch-two');
  const context = await window(browser, server);
  let sockets = 0;
  context.on('page', (page) => page.on('websocket', () => { sockets += 1; }));
  const page = await open(context, server, one);
  await until('all connected', async () => (await page.$$('.row[data-standing="reconnecting"]')).length === 0 && (await page.$$('.row[data-standing="connected"]')).length > 1);
  await connected(page, two);
  const before = sockets;
  await page.click(`#tab-${two}`);
  await mark(page, two, 'viewed');
  assert.match(page.url(), new RegExp(`face=${two}$`));
  await page.click(`.row[data-face="${one}"] .row-main`);
  await mark(page, one, 'viewed');
  await page.keyboard.press('Control+Shift+ArrowRight');
  await mark(page, two, 'viewed');
  await page.keyboard.press('Control+Shift+ArrowLeft');
  await mark(page, one, 'viewed');
  await page.keyboard.press('Control+Shift+P');
  await page.keyboard.type('switch-two');
  await page.keyboard.press('Enter');
  await mark(page, two, 'viewed');
  await page.keyboard.type('echo focus-is-$((40+2))\n');
  await seen(page, two, 'focus-is-42');
  assert.equal(sockets, before, 'no connection was made anew');
  await page.keyboard.press('Control+Shift+B');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await mark(page, one, 'viewed');
  await context.close();
});

test('what a face is looked at with is remembered over a reload', { timeout: 180_000 }, async () => {
  const id = await server.face('memory', '/bin/sh', '-c', 'seq -f "line %g" 1 500; exec /bin/sh');
  const context = await window(browser, server);
  const page = await open(context, server, id);
  await seen(page, id, 'line 500');
  await page.keyboard.press('Control+Shift+F');
  await page.keyboard.type('line 12');
  await page.waitForSelector('.find-count:has-text("of 11")');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Shift+Equal');
  await page.hover('.area');
  await page.mouse.wheel(0, -4000);
  await page.waitForSelector('.new-lines:not([hidden])');
  const place = () => page.evaluate((face) => { const buffer = window.facemux.terminal(face).buffer.active; return buffer.getLine(buffer.viewportY)?.translateToString(true); }, id);
  const top = await until('a steady place', async () => { const first = await place(); await page.evaluate(() => new Promise((done) => setTimeout(done, 200))); return first && first !== 'line 500' && first === await place() && first; });
  await page.reload();
  await connected(page, id);
  await until(`the view where it was, at ${top}`, async () => (await place()) === top);
  assert.equal(await page.evaluate((face) => window.facemux.terminal(face).options.fontSize, id), 15);
  await page.keyboard.press('Control+Shift+F');
  assert.equal(await page.inputValue('.find-input >> visible=true'), 'line 12');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Shift+L');
  await page.keyboard.type('7$');
  await page.waitForSelector('.matches li:has-text("line 497")');
  await until('the count', async () => (await page.textContent('.filter .find-count')) === '50 lines');
  await page.reload();
  await connected(page, id);
  await page.waitForSelector('.filter:not([hidden]) .matches li:has-text("line 497")');
  await page.click('.matches li:has-text("line 17")');
  await page.waitForSelector('.filter', { state: 'hidden' });
  await context.close();
});

test('scrolled up stays put and counts new lines', { timeout: 180_000 }, async () => {
  const id = await server.face('follow', '/bin/sh', '-c', 'seq 1 300; read x; seq 301 350; exec /bin/sh');
  const context = await window(browser, server);
  const page = await open(context, server, id);
  await seen(page, id, /^300$/);
  await until('its size', async () => (await server.info(id)).size.cols > 100);
  await page.hover('.area');
  await page.mouse.wheel(0, -1000);
  await page.waitForSelector('.new-lines:not([hidden])');
  const top = () => page.evaluate((face) => window.facemux.terminal(face).buffer.active.viewportY, id);
  const before = await until('a steady place', async () => { const first = await top(); await page.waitForTimeout(300); return first === await top() && first; });
  await server.cli('send', String(id), '--keys', 'Enter');
  await page.waitForSelector('.new-lines:has-text("new lines")');
  assert.equal(await top(), before);
  await page.click('.new-lines');
  await page.waitForSelector('.new-lines', { state: 'hidden' });
  await context.close();
});

test('a paste of many lines is shown first; a clipboard write needs a right; links have an allow-list', { timeout: 180_000 }, async () => {
  const id = await server.face('careful', '/bin/cat');
  const context = await window(browser, server);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await open(context, server, id);
  const paste = (text) => page.evaluate((value) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', value);
    document.querySelector('.screen:not([hidden]) textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
  await paste('plain');
  await seen(page, id, 'plain');
  await paste('bad\u0003thing\n');
  await page.waitForSelector('dialog:has-text("1 control character")');
  await page.click('dialog button:has-text("without control")');
  await seen(page, id, 'badthing');
  const writer = await server.face('writer', '/bin/sh', '-c', 'read x; printf "\\033]52;c;aGVsbG8gd29ybGQ=\\a"; read x');
  await page.click(`.row[data-face="${writer}"] .row-main`);
  await connected(page, writer);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.toast:has-text("wants to write to your clipboard")');
  await page.click('.toast button:has-text("Once")');
  await until('the clipboard', async () => (await page.evaluate(() => navigator.clipboard.readText())) === 'hello world');
  await context.close();
});

test('twelve faces share ten connections; one is let go and said so; all busy asks', { timeout: 240_000 }, async () => {
  const crowded = await Server.start();
  try {
    const ids = [];
    for (let n = 1; n <= 12; n += 1) ids.push(await crowded.face(`crowd-${n}`));
    const context = await window(browser, crowded);
    const page = await open(context, crowded, ids[0]);
    const all = JSON.parse((await crowded.cli('ls', '--json')).stdout).length;
    const count = (status) => page.$$eval('.row', (rows, wanted) => rows.filter((row) => row.dataset.standing === wanted).length, status);
    await until('ten connected', async () => (await count('connected')) + (await count('streaming')) === 10);
    assert.ok(all >= 12);
    assert.equal(await count('disconnected'), all - 10);
    const waiting = Number(await page.getAttribute('.row[data-standing="disconnected"]', 'data-face'));
    await page.evaluate(() => { const now = Date.now; Date.now = () => now() + 60_000; });
    await page.click(`.row[data-face="${waiting}"] .row-main`);
    await connected(page, waiting);
    await page.waitForSelector('.toast:has-text("was disconnected to make room")');
    assert.equal(await count('disconnected'), all - 10);
    assert.match(await page.$$eval('.row .spoken', (rows) => rows.map((row) => row.textContent).join()), /let go to make room/);
    await Promise.all(JSON.parse((await crowded.cli('ls', '--json')).stdout).map(({ id }) => crowded.cli('send', String(id), 'while :; do echo busy; sleep 0.5; done', '--keys', 'Enter')));
    await until('all busy', async () => (await count('streaming')) >= 9);
    const next = Number(await page.getAttribute('.row[data-standing="disconnected"]', 'data-face'));
    await page.click(`.row[data-face="${next}"] .row-main`);
    await page.waitForSelector('dialog:has-text("Which face should be let go?")');
    await page.click('dialog button:has-text("Let go")');
    await connected(page, next);
    assert.deepEqual(context.complaints, []);
    await context.close();
  } finally {
    await crowded.stop();
  }
});

test('a second window does not take the size until it types', { timeout: 180_000 }, async () => {
  const id = await server.face('sized');
  const large = await open(await window(browser, server), server, id);
  await until('the large size', async () => (await server.info(id)).size.cols > 100);
  const small = await open(await window(browser, server, { viewport: { width: 800, height: 600 } }), server, id);
  await small.waitForSelector('.caption:has-text("Type to fit it")');
  await small.click('.area');
  await small.keyboard.type('x');
  await small.waitForSelector('.caption', { state: 'hidden' });
  await large.waitForSelector('.caption:has-text("Type to fit it")');
  assert.ok((await server.info(id)).size.cols < 100);
  await small.context().close();
  await large.context().close();
});

test('offline and an unreachable server are said once, with a countdown, and mend by themselves', { timeout: 180_000 }, async () => {
  const own = await Server.start();
  try {
    const id = await own.face('far');
    const context = await window(browser, own);
    const page = await open(context, own, id);
    await context.setOffline(true);
    await page.waitForSelector('.banner:has-text("offline")');
    await until('all reconnecting', async () => (await page.getAttribute(`.row[data-face="${id}"]`, 'data-standing')) === 'reconnecting');
    await context.setOffline(false);
    await page.waitForSelector('.banner', { state: 'hidden' });
    await connected(page, id);
    const web = await own.pid('web');
    process.kill(web, 'SIGSTOP');
    await page.evaluate(() => dispatchEvent(new Event('pagehide')));
    process.kill(web, 'SIGKILL');
    await connected(page, id);
    own.child.kill('SIGTERM');
    await page.waitForSelector('.banner:has-text("cannot be reached")', { timeout: 30_000 });
    await page.waitForSelector('.banner-count:has-text("Next try in")');
    await context.close();
  } finally {
    await own.stop();
  }
});

test('a read-only link looks and does not type', { timeout: 180_000 }, async () => {
  const id = await server.face('shared');
  const context = await window(browser, server);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await open(context, server, id);
  await page.keyboard.type('echo shown-$((1+1))\n');
  await seen(page, id, 'shown-2');
  await menu(page, id, 'Share');
  await page.click('dialog button:has-text("Make a link")');
  await page.waitForSelector('.toast:has-text("Read-only link copied")');
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const guest = await (await browser.newContext()).newPage();
  await guest.goto(link);
  await connected(guest, id);
  await seen(guest, id, 'shown-2');
  await guest.click('.area');
  await guest.keyboard.type('echo intruder\n');
  await guest.waitForSelector('.toast:has-text("did not take")');
  assert.equal((await guest.$$('.row')).length, 1, 'the guest sees the one face');
  assert.ok(!(await lines(page, id)).some((line) => line.includes('intruder')));
  await guest.context().close();
  await context.close();
});
