// A page that was away comes back: sleep, the back/forward cache, another network. And what a key and a link do.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Proxy, Server, browse, closeWindows, connected, lines, open, seen, until, window } from './harness.mjs';

let server;
let proxy;
let browser;
before(async () => {
  proxy = await Proxy.start();
  server = await Server.start('--allow-origin', `http://127.0.0.1:${proxy.port}`);
  proxy.target = server.port;
  browser = await browse();
});
afterEach(closeWindows);
after(async () => {
  await browser?.close();
  proxy?.stop();
  await server?.stop();
});

const AWAY = {
  'the network is back': () => dispatchEvent(new Event('online')),
  'the page is seen again': () => document.dispatchEvent(new Event('visibilitychange')),
  'the page comes out of the back/forward cache': () => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })),
};
for (const [what, tell] of Object.entries(AWAY)) {
  test(`${what}: it resumes at once, and its screen is not cleared`, { timeout: 180_000 }, async () => {
    const id = await server.face(null, '/bin/cat');
    const context = await window(browser, server);
    let restores = 0;
    context.on('page', (made) => made.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => {
      if (socket.url().includes(`face=${id}`) && typeof payload !== 'string' && payload[0] === 2 && payload[9] & 1) restores += 1;
    })));
    const page = await context.newPage();
    // No timer runs until it is told: what reconnects is the event.
    await page.clock.install();
    await page.goto(`http://127.0.0.1:${proxy.port}/?face=${id}`);
    await connected(page, id);
    await page.keyboard.type('before\n');
    await seen(page, id, 'before');
    await page.clock.pauseAt(new Date(Date.now() + 3_600_000));
    // Until it had this window's size it was restored at each change of it.
    restores = 0;
    proxy.cut();
    await until('the connection lost', () => page.evaluate((face) => window.facemux.standing(face) === 'reconnecting', id));
    await server.cli('send', String(id), 'meanwhile', '--keys', 'Enter');
    await page.evaluate(tell);
    await until('a connection without a timer', () => page.evaluate((face) => window.facemux.standing(face) === 'connected', id));
    await page.clock.resume();
    await page.keyboard.type('after\n');
    await until('all lines, each twice', async () => {
      const text = (await lines(page, id)).filter(Boolean).join(' ');
      return text === 'before before meanwhile meanwhile after after';
    });
    assert.equal(restores, 0, 'it went on by offset');
    assert.deepEqual(context.complaints, []);
  });
}

test('back and forward in the browser lead to the same face', { timeout: 180_000 }, async () => {
  const id = await server.face(null, '/bin/cat');
  const page = await open(await window(browser, server), server, id);
  await page.keyboard.type('left\n');
  await seen(page, id, 'left');
  await page.goto(`${server.url}/version`);
  await page.goBack();
  await connected(page, id);
  await page.keyboard.type('right\n');
  await until('the lines of before and after', async () => (await lines(page, id)).filter(Boolean).join(' ') === 'left left right right');
});

test('the page takes its own keys alone; all others are the face’s', { timeout: 180_000 }, async () => {
  const id = await server.face(null, '/bin/sh', '-c', 'stty -icanon -echo -isig -iexten -ixon; echo ready; exec cat -v');
  const page = await open(await window(browser, server), server, id);
  await seen(page, id, 'ready');
  const keys = {
    'Control+p': '^P', 'Control+f': '^F', 'Control+b': '^B', 'Control+l': '^L', 'Control+k': '^K', 'Control+c': '^C', 'Control+v': '^V',
    'Control+Space': '^@', 'Control+Backslash': '^\\', Tab: '\t', 'Shift+Tab': '^[[Z', Escape: '^[', F1: '^[OP', F5: '^[[15~', F11: '^[[23~',
    'Alt+f': '^[f', 'Alt+ArrowLeft': '^[[1;3D', 'Control+ArrowLeft': '^[[1;5D', 'Shift+ArrowLeft': '^[[1;2D', 'Control+Alt+a': '^[^A', Backspace: '^?', Delete: '^[[3~', Home: '^[[H', PageUp: '^[[5~',
  };
  for (const key of Object.keys(keys)) {
    await page.keyboard.press(key);
    await page.keyboard.type('.');
  }
  const wanted = `${Object.values(keys).join('.')}.`.replace(/\t/g, ' ').replace(/ +/g, ' ');
  await until('what the face was given', async () => (await lines(page, id)).slice(1).join('').replace(/ +/g, ' ') === wanted).catch(async (error) => {
    assert.equal((await lines(page, id)).slice(1).join('').replace(/ +/g, ' '), wanted, error.message);
  });
  await page.keyboard.press('Control+Shift+P');
  await page.waitForSelector('dialog.palette[open]');
  await page.keyboard.press('Escape');
  // Nothing but the keyboard: into the list, to the actions of a row, and back to the face.
  await page.keyboard.press('Control+Shift+B');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role="menu"]');
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-haspopup')), 'menu', 'the focus is back where it was');
  await page.keyboard.press('Control+Shift+B');
  assert.equal(await page.evaluate(() => document.activeElement?.className), 'xterm-helper-textarea');
});

test('links open with Ctrl, in a window of their own, and of allowed kinds only', { timeout: 180_000 }, async () => {
  const named = (uri, text) => `\\033]8;;${uri}\\033\\\\${text}\\033]8;;\\033\\\\`;
  const id = await server.face(null, '/bin/sh', '-c', `printf 'https://plain.invalid/a?b=1\\r\\n${named('https://named.invalid/x', 'named')}\\r\\n${named('javascript:alert(1)', 'script')}\\r\\n${named('file:///etc/passwd', 'file')}\\r\\n'; exec cat`);
  const context = await window(browser, server);
  const page = await open(context, server, id);
  await seen(page, id, 'file');
  const opened = [];
  context.on('page', (made) => opened.push(made));
  await context.route(/\.invalid\//, (route) => route.fulfill({ body: 'there' }));
  const cell = (row) => page.evaluate(([face, line]) => {
    const term = window.facemux.terminal(face);
    const box = term.element.querySelector('.xterm-screen').getBoundingClientRect();
    return { x: box.left + (box.width / term.cols) * 2.5, y: box.top + (box.height / term.rows) * (line + 0.5) };
  }, [id, row]);
  // The terminal asks for links when the pointer comes to another cell: a page that was not drawn by then is asked again.
  const over = (row, mark) => until(`a link in row ${row}`, async () => {
    const away = await cell(row + 8);
    const { x, y } = await cell(row);
    await page.mouse.move(away.x, away.y);
    await page.mouse.move(x, y);
    return page.waitForSelector(mark, { timeout: 3_000 }).then(() => ({ x, y }), () => undefined);
  });
  const click = async (row) => {
    // The terminal marks what it takes for a link.
    const { x, y } = await over(row, '.xterm-cursor-pointer, .xterm-screen.xterm-cursor-pointer');
    await page.keyboard.down('Control');
    await page.mouse.click(x, y);
    await page.keyboard.up('Control');
  };
  for (const [row, url] of [[0, 'https://plain.invalid/a?b=1'], [1, 'https://named.invalid/x']]) {
    const { x, y } = await over(row, '.tip:not([hidden])');
    await page.mouse.click(x, y);
    assert.equal(opened.length, 0, 'a click alone opens nothing');
    await click(row);
    const made = await until('a window', () => opened.pop());
    await made.waitForLoadState();
    assert.equal(made.url(), url);
    assert.equal(await made.evaluate(() => window.opener), null);
    await made.close();
    await page.bringToFront();
  }
  for (const row of [2, 3]) await click(row);
  // A link after them: had they opened anything, it would be there by now.
  await click(0);
  const made = await until('a window', () => opened.shift());
  assert.equal(made.url().startsWith('https://plain.invalid'), true, made.url());
  assert.equal(opened.length, 0);
});
