// An open page loses no byte and doubles none, whatever dies between it and the face.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Proxy, Server, browse, connected, lines, open, until, window } from './harness.mjs';

const LAST = 200_000;
const TYPED = 150;

/** The numbers a page has, in the order they stand. */
async function numbers(page, id) {
  return (await lines(page, id)).filter((line) => /^\d+$/.test(line)).map(Number);
}

/**
 * While `seq 1 200000` runs in one face and numbered lines are typed into `cat >> file` in another, `strike` does its worst.
 * `base` is where the page is reached. Gives the first number the page has.
 */
async function endure(server, base, strike) {
  const browser = await browse();
  try {
    const counting = await server.face('counting', '/bin/sh', '-c', `read go; seq 1 ${LAST}; read end`);
    const file = join(server.dir, 'typed');
    const typing = await server.face('typing', '/bin/sh', '-c', `stty -echo; cat >> ${file}`);
    const context = await window(browser, server, { remember: { scrollback: 250_000 } });
    // A restore that comes while the numbers run: this page was lapped, or was away for longer than the journal reaches.
    let laps = 0;
    let painted = 0;
    context.on('page', (made) => made.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => {
      if (!socket.url().includes(`face=${counting}`) || typeof payload === 'string' || payload[0] !== 2) return;
      const [flags, cols] = [payload[9], payload.readUInt16LE(10)];
      if (flags & 1) laps += 1;
      if (flags & 2) painted = cols;
    })));
    const page = await open(context, server, counting, base);
    await connected(page, typing);
    // The restore after its change of size is here: one that came once the numbers run would begin in their middle.
    await until('its size', async () => (await server.info(counting)).size.cols > 100 && painted > 100);
    laps = 0;
    await server.cli('send', String(counting), '--keys', 'Enter');
    await page.click(`.row[data-face="${typing}"] .row-main`);
    const type = async () => {
      for (let n = 1; n <= TYPED; n += 1) await page.keyboard.type(`typed line ${n}\n`);
    };
    await Promise.all([strike(), type()]);
    await until('all typed lines accepted', () => page.evaluate((face) => window.facemux.pending(face) === 0, typing), 60_000);
    await until('all typed lines in the file', () => readFileSync(file, 'utf8').split('\n').length > TYPED, 30_000);
    assert.deepEqual(readFileSync(file, 'utf8').trim().split('\n'), Array.from({ length: TYPED }, (_, n) => `typed line ${n + 1}`), 'typed lines: all, once, in order');
    const whole = await until('the last number', async () => {
      const found = await numbers(page, counting);
      return found.at(-1) === LAST && found;
    }, 120_000);
    const first = whole[0];
    assert.deepEqual(whole, Array.from({ length: whole.length }, (_, n) => first + n), 'numbers: contiguous, each once');
    if (laps === 0) assert.equal(first, 1, 'a page that kept up has every line');
    else assert.ok(whole.length >= 9_900, `a lapped page has the history: ${whole.length} lines`);
    console.log(`${whole.length} numbers from ${first} on, restored ${laps} times`);
    assert.deepEqual(context.complaints, []);
    return first;
  } finally {
    await browser.close();
  }
}

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

test('kill -9 of the daemon', { timeout: 240_000 }, async () => {
  const server = await Server.start();
  try {
    await endure(server, server.url, async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await wait(300);
        await server.kill('daemon');
      }
    });
  } finally {
    await server.stop();
  }
});

test('kill -9 of the web process', { timeout: 240_000 }, async () => {
  const server = await Server.start();
  try {
    await endure(server, server.url, async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await wait(300);
        await server.kill('web');
      }
    });
  } finally {
    await server.stop();
  }
});

for (const [name, flags, whole] of [['connections cut at random bytes', [], false], ['connections cut at random bytes, with a journal that reaches', ['--journal', '4194304'], true]]) {
  test(name, { timeout: 240_000 }, async () => {
    const proxy = await Proxy.start();
    const server = await Server.start('--allow-origin', `http://127.0.0.1:${proxy.port}`, ...flags);
    proxy.target = server.port;
    try {
      const first = await endure(server, `http://127.0.0.1:${proxy.port}`, async () => {
        for (let turn = 0; turn < 12; turn += 1) {
          const before = proxy.cuts;
          proxy.cutAfter(1 + Math.floor(Math.random() * 60_000));
          await until('the cut', () => proxy.cuts > before, 1_000).catch(() => proxy.cut());
          await wait(150);
        }
      });
      assert.ok(proxy.cuts >= 12);
      if (whole) assert.equal(first, 1, 'every line from the first on');
    } finally {
      proxy.stop();
      await server.stop();
    }
  });
}
