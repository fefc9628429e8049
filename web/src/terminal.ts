// One face's screen in this page: an xterm.js terminal, its order of work, drawn only while it is visible.
// It owns what is written when and says when it is written; it must never answer a program, and never
// sends a byte that was not typed, clicked or pasted.

import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { allowed } from './address';
import { el } from './dom';
import { isReply } from './paste';
import { palette } from './theme';

/** The most handed to xterm.js in one write, in bytes: small enough that keys get through in between. */
const WRITE_BYTES_MAX = 128 * 1024;

/** The smallest font used to fit a screen larger than the window, in pixels. */
const FONT_SIZE_MIN = 7;

/** What a terminal tells its owner. */
export interface TerminalEvents {
  typed(bytes: Uint8Array): void;
  written(upto: number): void;
  scrolled(): void;
  pasted(text: string): void;
  linked(uri: string): void;
  hovered(uri: string | null): void;
  found(index: number, count: number): void;
  key(event: KeyboardEvent): boolean;
}

/** How a terminal looks. */
export interface Look {
  readonly fontSize: number;
  readonly dark: boolean;
  readonly scrollback: number;
  readonly cursorBlink: boolean;
  readonly screenReader: boolean;
}

type Work = { do: 'write'; bytes: Uint8Array; upto: number } | { do: 'resize'; cols: number; rows: number } | { do: 'reset' } | { do: 'restored' };

const FONTS = '"Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", "Noto Sans Mono", monospace';
const HOLD_FRAMES = new TextEncoder().encode('\x1b[?2026h');
const SHOW_FRAME = new TextEncoder().encode('\x1b[?2026l');

/** One face's terminal. */
export class FaceTerminal {
  readonly element = el('div', { class: 'screen', hidden: true });
  readonly term: Terminal;
  readonly search = new SearchAddon({ highlightLimit: 1000 });
  private readonly fitting = new FitAddon();
  private readonly work: Work[] = [];
  private working = false;
  private keptScroll = 0;
  private missed = 0;
  /** Until the first restore is whole, and during every later one, there is no place to scroll to. */
  private restoring = true;
  visible = false;

  constructor(private look: Look, size: { cols: number; rows: number }, private readonly events: TerminalEvents) {
    this.term = new Terminal({
      ...size, ...options(look), allowProposedApi: true, customGlyphs: true, fontFamily: FONTS,
      drawBoldTextInBrightColors: false, macOptionIsMeta: true, rightClickSelectsWord: false, scrollOnUserInput: true,
      linkHandler: {
        activate: (event, uri) => this.follow(event, uri),
        hover: (_, uri) => events.hovered(allowed(uri)),
        leave: () => events.hovered(null),
        allowNonHttpProtocols: true,
      },
    });
    this.term.loadAddon(this.fitting);
    this.term.loadAddon(this.search);
    this.term.loadAddon(new Unicode11Addon());
    this.term.unicode.activeVersion = '11';
    this.term.loadAddon(new WebLinksAddon((event, uri) => this.follow(event, uri), {
      hover: (_, uri) => events.hovered(allowed(uri)),
      leave: () => events.hovered(null),
    }));
    this.search.onDidChangeResults(({ resultIndex, resultCount }) => events.found(resultIndex, resultCount));
    this.stayMute();
    this.listen();
  }

  /** Shows it in its place: opened on first sight, drawn while seen. */
  show(): void {
    this.visible = true;
    this.element.hidden = false;
    if (!this.term.element) {
      this.term.open(this.element);
      this.term.textarea?.addEventListener('paste', (event) => this.takePaste(event), { capture: true });
      this.element.addEventListener('paste', (event) => this.takePaste(event), { capture: true });
      scrollByTouch(this.element, this.term);
    }
    this.fitFont();
    this.term.refresh(0, this.term.rows - 1);
  }

  /** Hides it: its buffer goes on, nothing is drawn. */
  hide(): void {
    this.visible = false;
    this.element.hidden = true;
  }

  dispose(): void {
    this.term.dispose();
    this.element.remove();
  }

  /** Output to write; `upto` is told back when it is on the screen, -1 when nobody waits for it. */
  write(bytes: Uint8Array, upto: number): void {
    this.work.push({ do: 'write', bytes, upto });
    this.next();
  }

  /** A restore begins: what was there goes, at the size the restore is drawn for. */
  beginRestore(cols: number, rows: number): void {
    this.work.push({ do: 'reset' }, { do: 'resize', cols, rows }, { do: 'write', bytes: HOLD_FRAMES, upto: -1 });
    this.next();
  }

  /** A restore is complete. */
  endRestore(): void {
    this.work.push({ do: 'write', bytes: SHOW_FRAME, upto: -1 }, { do: 'restored' });
    this.next();
  }

  /** The face has this size from here on in its output. */
  resize(cols: number, rows: number): void {
    this.work.push({ do: 'resize', cols, rows });
    this.next();
  }

  /** The size that fills the given area at the chosen font; null while nobody sees it. */
  fit(area: HTMLElement): { cols: number; rows: number } | null {
    // Cells are whole pixels: they are measured at the chosen size, not scaled to it.
    if (this.term.element && this.term.options.fontSize !== this.look.fontSize) this.term.options.fontSize = this.look.fontSize;
    const cell = this.cell();
    if (!cell || area.clientWidth < 40 || area.clientHeight < 20) return null;
    const cols = Math.floor((area.clientWidth - 24) / cell.width);
    const rows = Math.floor((area.clientHeight - 8) / cell.height);
    return { cols: Math.max(2, Math.min(1000, cols)), rows: Math.max(1, Math.min(1000, rows)) };
  }

  /** The size of a cell in CSS pixels; null before it was ever shown. */
  cell(): { width: number; height: number } | null {
    const screen = this.term.element?.querySelector('.xterm-screen');
    if (!(screen instanceof HTMLElement) || screen.clientWidth === 0) return null;
    return { width: screen.offsetWidth / this.term.cols, height: screen.offsetHeight / this.term.rows };
  }

  /** A screen larger than the window is drawn smaller, as far as it stays legible. */
  fitFont(): void {
    const area = this.element.closest<HTMLElement>('.area');
    if (!area || !this.visible || !this.cell()) return;
    // Cells are whole pixels: after a guess the next smaller size is tried until it fits.
    for (let size = this.look.fontSize, tries = 0; tries < 6; tries += 1) {
      if (this.term.options.fontSize !== size) this.term.options.fontSize = size;
      const cell = this.cell();
      if (!cell) return;
      const ratio = Math.min((area.clientWidth - 10) / (cell.width * this.term.cols), (area.clientHeight - 4) / (cell.height * this.term.rows));
      if (ratio >= 1 || size <= FONT_SIZE_MIN) return;
      size = Math.max(FONT_SIZE_MIN, Math.min(size - 0.5, Math.floor(size * ratio * 2) / 2));
    }
  }

  setLook(look: Look): void {
    this.look = look;
    Object.assign(this.term.options, options(look));
    this.fitFont();
  }

  focus(): void {
    this.term.focus();
  }

  /** How many lines above the end the view stands, with what is still to be restored. */
  get scrolled(): number {
    return this.keptScroll || this.behind();
  }

  /** Stands `lines` above the end, now or when the restore under way is complete. */
  set scrolled(lines: number) {
    this.keptScroll = lines;
    if (this.work.length === 0 && !this.working) this.applyScroll();
  }

  /** How many lines came while the view stood still. */
  get newLines(): number {
    return this.behind() === 0 ? 0 : this.missed;
  }

  toEnd(): void {
    this.keptScroll = 0;
    this.missed = 0;
    this.term.scrollToBottom();
  }

  /** The history and the screen as whole lines, wrapped rows joined. */
  *lines(): Generator<{ row: number; text: string }> {
    const buffer = this.term.buffer.normal;
    for (let row = 0; row < buffer.length;) {
      const start = row;
      let text = buffer.getLine(row)?.translateToString(false) ?? '';
      row += 1;
      while (row < buffer.length && buffer.getLine(row)?.isWrapped) {
        text += buffer.getLine(row)?.translateToString(false) ?? '';
        row += 1;
      }
      yield { row: start, text: text.trimEnd() };
    }
  }

  private behind(): number {
    return this.term.buffer.active.baseY - this.term.buffer.active.viewportY;
  }

  private applyScroll(): void {
    if (this.keptScroll === 0) return;
    // xterm.js scrolls relative to a position that it brings up to date with the next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      // A restore under way scrolls when it is whole.
      if (this.keptScroll === 0 || this.restoring) return;
      this.term.scrollToLine(Math.max(0, this.term.buffer.active.baseY - this.keptScroll));
      this.keptScroll = 0;
      this.events.scrolled();
    }));
  }

  private next(): void {
    if (this.working) return;
    const work = this.work.shift();
    if (!work) return;
    switch (work.do) {
      case 'resize':
        if (work.cols !== this.term.cols || work.rows !== this.term.rows) this.term.resize(work.cols, work.rows);
        this.fitFont();
        return this.next();
      case 'reset':
        if (this.keptScroll === 0) this.keptScroll = this.behind();
        this.restoring = true;
        this.term.reset();
        return this.next();
      case 'restored':
        this.restoring = false;
        this.missed = 0;
        this.applyScroll();
        this.events.scrolled();
        return this.next();
      case 'write': {
        const { bytes, upto } = this.gather(work);
        this.working = true;
        this.term.write(bytes, () => {
          this.working = false;
          if (upto >= 0) this.events.written(upto);
          this.next();
        });
      }
    }
  }

  /** Joins writes that follow each other, up to the most in one. */
  private gather(first: { bytes: Uint8Array; upto: number }): { bytes: Uint8Array; upto: number } {
    const parts = [first.bytes];
    let length = first.bytes.length;
    let upto = first.upto;
    for (let work = this.work[0]; work?.do === 'write' && length + work.bytes.length <= WRITE_BYTES_MAX; work = this.work[0]) {
      parts.push(work.bytes);
      length += work.bytes.length;
      upto = Math.max(upto, work.upto);
      this.work.shift();
    }
    if (parts.length === 1) return { bytes: first.bytes, upto };
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return { bytes, upto };
  }

  private listen(): void {
    const encoder = new TextEncoder();
    this.term.onData((data) => {
      if (!isReply(data)) this.events.typed(encoder.encode(data));
    });
    this.term.onBinary((data) => this.events.typed(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    this.term.onLineFeed(() => {
      if (this.behind() > 0) this.missed += 1;
    });
    this.term.onScroll(() => this.events.scrolled());
    this.term.onWriteParsed(() => this.events.scrolled());
    this.term.attachCustomKeyEventHandler((event) => this.events.key(event));
  }

  /** The server answers what programs ask; a query that reaches this terminal all the same is swallowed. */
  private stayMute(): void {
    const swallow = (): boolean => true;
    for (const id of [{ final: 'c' }, { prefix: '>', final: 'c' }, { prefix: '=', final: 'c' }, { final: 'n' }, { prefix: '?', final: 'n' },
      { intermediates: '$', final: 'p' }, { prefix: '?', intermediates: '$', final: 'p' }, { final: 't' }, { prefix: '>', final: 'q' }]) {
      this.term.parser.registerCsiHandler(id, swallow);
    }
    this.term.parser.registerDcsHandler({ intermediates: '$', final: 'q' }, swallow);
    for (const code of [4, 10, 11, 12]) this.term.parser.registerOscHandler(code, (data) => data.includes('?'));
  }

  private takePaste(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = event.clipboardData?.getData('text/plain');
    if (text) this.events.pasted(text);
  }

  private follow(event: MouseEvent, uri: string): void {
    const touch = event instanceof PointerEvent && event.pointerType !== 'mouse';
    const address = allowed(uri);
    if (address && (touch || event.ctrlKey || event.metaKey)) this.events.linked(address);
  }
}

function options(look: Look): { fontSize: number; theme: ReturnType<typeof palette>; scrollback: number; cursorBlink: boolean; screenReaderMode: boolean } {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  return { fontSize: look.fontSize, theme: palette(look.dark), scrollback: look.scrollback, cursorBlink: look.cursorBlink && !still, screenReaderMode: look.screenReader };
}

/** A finger drags the history; a program that asked for the mouse gets none of it. */
function scrollByTouch(element: HTMLElement, term: Terminal): void {
  let last: number | null = null;
  let rest = 0;
  element.addEventListener('touchstart', (event) => {
    last = event.touches.length === 1 ? event.touches[0]?.clientY ?? null : null;
    rest = 0;
  }, { passive: true });
  element.addEventListener('touchmove', (event) => {
    const y = event.touches[0]?.clientY;
    if (last === null || y === undefined || event.touches.length !== 1) return;
    const height = element.querySelector('.xterm-screen')?.clientHeight ?? 0;
    rest += (last - y) / (height / term.rows || 16);
    last = y;
    const lines = Math.trunc(rest);
    rest -= lines;
    if (lines) term.scrollLines(lines);
  }, { passive: true });
}
