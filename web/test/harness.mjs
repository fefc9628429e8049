// A real `facemux serve` in a directory of its own, a browser to look at it, and a proxy that cuts connections.
// It owns every process it starts and ends them all; it waits for events, never for time.
import { chromium } from 'playwright-core';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const FACEMUX = resolve(process.env.FACEMUX ?? '../target/release/facemux');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Waits until `probe` gives something true, and gives that; fails with `what` after `limit` milliseconds. */
export async function until(what, probe, limit = 60_000) {
  const end = Date.now() + limit;
  let last;
  while (Date.now() < end) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`not within ${limit} ms: ${what} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
}

/** A port of the loopback nobody listens on now. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = net.createServer().once('error', failed).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** A server of its own. */
export class Server {
  static async start(...flags) {
    const server = new Server();
    server.dir = mkdtempSync(join(tmpdir(), 'facemux-page-'));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.said = '';
    server.child = spawn(FACEMUX, ['serve', '--dir', server.dir, '--web', `127.0.0.1:${server.port}`, '--ssh', 'off', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, SHELL: '/bin/sh', FACEMUX_DIR: server.dir, PS1: '$ ' },
    });
    server.child.stdout.on('data', (bytes) => { server.said += bytes; });
    server.child.stderr.on('data', (bytes) => { server.said += bytes; });
    await until(`the link of the server; it said: ${server.said}`, () => /http:\/\/\S+\?t=\S+/.exec(server.said));
    return server;
  }

  /** The cookies of who opened the link that the server printed: it works once. */
  async cookies(browser) {
    if (this.jar) return this.jar;
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(/http:\/\/\S+\?t=\S+/.exec(this.said)[0]);
    await until('a cookie', async () => (await context.cookies()).length > 0);
    this.jar = await context.cookies();
    await context.close();
    return this.jar;
  }

  cli(...words) {
    return run(FACEMUX, words, { env: { ...process.env, FACEMUX_DIR: this.dir }, maxBuffer: 1 << 28 });
  }

  /** Makes a face and gives its id. */
  async face(name, ...command) {
    const { stdout } = await this.cli('new', '-d', ...(name ? ['--name', name] : []), ...(command.length ? ['--', ...command] : ['--', '/bin/sh']));
    return Number(stdout.trim());
  }

  async info(id) {
    return JSON.parse((await this.cli('info', String(id), '--json')).stdout);
  }

  async snap(id, history = 0) {
    return JSON.parse((await this.cli('snap', String(id), '--format', 'json', '--history', String(history))).stdout);
  }

  async pid(role) {
    const report = JSON.parse((await this.cli('doctor', '--json')).stdout);
    const found = report.processes?.[role] ?? report.processes?.find?.((process) => process.role === role || process.name === role)?.pid;
    return typeof found === 'object' ? found?.pid : found;
  }

  /** Kills a role with -9 and waits until another process has taken its place. */
  async kill(role) {
    const before = await this.pid(role);
    process.kill(before, 'SIGKILL');
    await until(`a new ${role}`, async () => {
      const now = await this.pid(role);
      return now && now !== before;
    }, 60_000);
  }

  async stop() {
    if (this.child.exitCode === null) {
      const gone = new Promise((done) => this.child.once('exit', done));
      this.child.kill('SIGTERM');
      const late = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A proxy before a server that can cut all its connections, at once or after so many more bytes. */
export class Proxy {
  static async start(target) {
    const proxy = new Proxy();
    proxy.pairs = new Set();
    proxy.left = Infinity;
    proxy.cuts = 0;
    proxy.target = target;
    proxy.server = net.createServer((client) => proxy.join(client, net.connect(proxy.target, '127.0.0.1')));
    await new Promise((done) => proxy.server.listen(0, '127.0.0.1', done));
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  join(client, upstream) {
    const pair = [client, upstream];
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    const pass = (from, to) => from.on('data', (bytes) => {
      if (bytes.length >= this.left) {
        to.write(bytes.subarray(0, this.left));
        this.left = Infinity;
        return this.cut();
      }
      this.left -= bytes.length;
      if (!to.write(bytes)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    pass(client, upstream);
    pass(upstream, client);
    for (const socket of pair) socket.on('error', end).on('close', end);
  }

  cutAfter(bytes) {
    this.left = bytes;
  }

  cut() {
    this.cuts += 1;
    for (const [client, upstream] of this.pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    this.pairs.clear();
  }

  stop() {
    this.cut();
    this.server.close();
  }
}

/** A browser, fresh each time. */
export function browse() {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

const windows = new Set();

/** Closes what a test left open. */
export async function closeWindows() {
  for (const context of windows) await context.close().catch(() => {});
  windows.clear();
}

/** A window that is signed in; whatever its pages complain about is gathered in `complaints`. */
export async function window(browser, server, options = {}) {
  const { remember, ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...rest });
  windows.add(context);
  // A loaded machine takes its time with a dozen terminals.
  context.setDefaultTimeout(90_000);
  context.complaints = [];
  context.on('console', (message) => {
    if (/Content Security Policy|TypeError|ReferenceError/.test(message.text())) context.complaints.push(message.text());
  });
  context.on('weberror', (error) => context.complaints.push(String(error.error())));
  if (remember) await context.addInitScript((stored) => { if (location.protocol !== 'about:' && !localStorage.getItem('facemux')) localStorage.setItem('facemux', stored); }, JSON.stringify({ version: 2, ...remember }));
  await context.addCookies(await server.cookies(browser));
  return context;
}

/** A page that views a face, connected and restored. */
export async function open(context, server, id, base = server.url) {
  const page = await context.newPage();
  await page.goto(`${base}/?face=${id}`);
  await connected(page, id);
  return page;
}

export function connected(page, id) {
  return until(`face ${id} connected`, () => page.evaluate((face) => window.facemux?.standing(face) === 'connected' && window.facemux.terminal(face)?.buffer.active.length > 0, id));
}

/** The lines of a face's main screen and history in the page, as text. */
export function lines(page, id) {
  return page.evaluate((face) => {
    const buffer = window.facemux.terminal(face).buffer.normal;
    return Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? '');
  }, id);
}

export function seen(page, id, text) {
  return until(`${text} on face ${id}`, async () => (await lines(page, id)).some((line) => (text instanceof RegExp ? text.test(line) : line.includes(text))));
}

/** The visible screen of a face in the page: size, cursor, and each cell that is not blank. */
export function screen(page, id) {
  return page.evaluate((face) => {
    const term = window.facemux.terminal(face);
    const buffer = term.buffer.active;
    const colour = (rgb, palette, value) => (rgb ? `#${value.toString(16).padStart(6, '0')}` : palette ? value : undefined);
    const cells = {};
    for (let row = 0; row < term.rows; row += 1) {
      const line = buffer.getLine(buffer.baseY + row);
      for (let col = 0; col < term.cols; col += 1) {
        const cell = line?.getCell(col);
        if (!cell || cell.getWidth() === 0) continue;
        const style = {
          fg: colour(cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor()), bg: colour(cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor()),
          bold: !!cell.isBold() || undefined, dim: !!cell.isDim() || undefined, italic: !!cell.isItalic() || undefined,
          inverse: !!cell.isInverse() || undefined, underline: !!cell.isUnderline() || undefined, strike: !!cell.isStrikethrough() || undefined,
        };
        const marks = JSON.stringify(style);
        if ((cell.getChars() || ' ') !== ' ' || marks !== '{}') cells[`${row},${col}`] = `${cell.getChars() || ' '} ${marks}`;
      }
    }
    return { cols: term.cols, rows: term.rows, cursor: [buffer.cursorY, Math.min(buffer.cursorX, term.cols - 1)], cells };
  }, id);
}

/** The same of a face's own snapshot. */
export function snapped(snap) {
  const cells = {};
  const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });
  snap.rows.forEach((line, row) => {
    for (const run of line.runs) {
      let col = run.col;
      for (const { segment } of segments.segment(run.text)) {
        const { fg, bg, bold, dim, italic, inverse, underline, strike } = run.style;
        const marks = JSON.stringify({ fg, bg, bold, dim, italic, inverse, underline: underline ? true : undefined, strike });
        if (segment !== ' ' || marks !== '{}') cells[`${row},${col}`] = `${segment} ${marks}`;
        col += /\p{Script=Han}|\p{Script=Hiragana}|\p{Emoji_Presentation}/u.test(segment) ? 2 : 1;
      }
    }
  });
  return { cols: snap.size.cols, rows: snap.size.rows, cursor: [snap.cursor.row, snap.cursor.col], cells };
}
