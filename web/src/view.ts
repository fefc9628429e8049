// One face in this page: its connection and its terminal, joined. It owns what passes between the two;
// what others see of it goes through the store.

import { Connection } from './connection';
import type { Face } from './face';
import type { Link } from './link';
import type { Connection as Shown } from './store';
import { FaceTerminal, type Look } from './terminal';
import { palette } from './theme';
import type { Certificate, Control } from './wire';

/** What a face's view tells the page. */
export interface ViewEvents {
  shown(change: Partial<Shown>): void;
  printed(lines: number): void;
  scrolled(): void;
  pasted(text: string): void;
  linked(uri: string): void;
  hovered(uri: string | null): void;
  found(index: number, count: number): void;
  key(event: KeyboardEvent): boolean;
  typed(bytes: Uint8Array): Uint8Array;
  sized(): void;
  lapped(): void;
  clipboard(base64: string): void;
  ended(end: Certificate): void;
  refused(reason: string): void;
  missing(): void;
}

/** How often a stream of output is told to the store, in milliseconds. */
const TELL_EVERY = 200;

/** One face's view. */
export class View {
  readonly terminal: FaceTerminal;
  readonly connection: Connection;
  cols: number;
  rows: number;
  leads = false;
  drive = true;
  private lines = 0;
  private telling: ReturnType<typeof setTimeout> | undefined;
  private restoring = false;
  private fitted: { cols: number; rows: number };
  /** The size the server was last told. */
  private asked: { cols: number; rows: number };

  constructor(public face: Face, private look: Look, fitted: { cols: number; rows: number } | null, private readonly events: ViewEvents) {
    this.cols = face.cols;
    this.rows = face.rows;
    this.fitted = fitted ?? { cols: face.cols, rows: face.rows };
    this.asked = this.fitted;
    this.connection = new Connection(face.id, {
      linked: (link) => this.linked(link),
      output: (bytes, upto) => this.output(bytes, upto),
      beginRestore: (cols, rows) => this.beginRestore(cols, rows),
      endRestore: () => this.endRestore(),
      control: (control) => this.control(control),
      size: () => (this.asked = this.fitted),
      history: () => this.look.scrollback,
    });
    this.terminal = new FaceTerminal(look, { cols: face.cols, rows: face.rows }, {
      typed: (bytes) => this.type(events.typed(bytes)),
      written: (upto) => this.connection.acknowledge(upto),
      scrolled: events.scrolled, pasted: events.pasted, linked: events.linked, hovered: events.hovered, found: events.found, key: events.key,
    });
  }

  /** The window has room for this many cells. To tell the server is to lead, so only who leads does. */
  fit(size: { cols: number; rows: number }): void {
    this.fitted = size;
    if (this.leads && (size.cols !== this.asked.cols || size.rows !== this.asked.rows)) this.lead();
  }

  /** Asks for this window's size, and to lead. */
  lead(): void {
    this.asked = this.fitted;
    this.connection.say({ type: 'size', ...this.fitted });
  }

  /** Whether the screen has another size than the window has room for. */
  get boxed(): boolean {
    return this.cols !== this.fitted.cols || this.rows !== this.fitted.rows;
  }

  /** What the server tells of the face, where only its number was known. */
  know(face: Face): void {
    this.face = face;
  }

  type(bytes: Uint8Array): void {
    if (!this.drive) return this.events.refused('This link may look, not type.');
    // Who types leads: with the size this window has now.
    if (!this.leads && (this.asked.cols !== this.fitted.cols || this.asked.rows !== this.fitted.rows)) this.lead();
    if (!this.connection.type(bytes)) this.events.refused('Too much is waiting to be sent; this was not taken.');
  }

  /** Tells the server this page's colours and cell size, for programs that ask. */
  report(): void {
    const cell = this.terminal.cell();
    const colours = palette(this.look.dark);
    this.connection.say({
      type: 'report', foreground: colours.foreground ?? '', background: colours.background ?? '', cursor: colours.cursor ?? '',
      ...(cell ? { cell: [Math.round(cell.width * devicePixelRatio), Math.round(cell.height * devicePixelRatio)] as const } : {}),
    });
  }

  setLook(look: Look): void {
    const recoloured = look.dark !== this.look.dark;
    this.look = look;
    this.terminal.setLook(look);
    if (recoloured) this.report();
  }

  dispose(): void {
    clearTimeout(this.telling);
    this.connection.tell({ is: 'unwanted' });
    this.terminal.dispose();
  }

  private linked(link: Link): void {
    const phase = link.phase;
    switch (phase.at) {
      case 'idle':
        return this.events.shown({ status: 'disconnected', error: null, retry: 0, nextAt: null, streaming: false });
      case 'opening':
        return this.events.shown({ status: link.retry ? 'reconnecting' : 'connecting', retry: link.retry, nextAt: null, letGo: false, streaming: false, error: null });
      case 'open':
        return this.events.shown({ status: 'connected', retry: 0, nextAt: null, error: null, letGo: false, drive: link.drive });
      case 'waiting':
        return this.events.shown({ status: 'reconnecting', retry: link.retry, nextAt: phase.until, streaming: false, error: phase.why });
      case 'offline':
        return this.events.shown({ status: 'reconnecting', retry: link.retry, nextAt: null, streaming: false, error: 'offline' });
      case 'over':
        if (phase.over === 'ended') return this.events.shown({ status: 'disconnected', streaming: false, nextAt: null });
        if (phase.over === 'gone' || phase.over === 'missing') this.events.missing();
        return this.events.shown({ status: 'error', error: phase.text, streaming: false, nextAt: null });
    }
  }

  private output(bytes: Uint8Array, upto: number): void {
    this.terminal.write(bytes, upto);
    if (this.restoring) return;
    for (const byte of bytes) if (byte === 10) this.lines += 1;
    this.telling ??= setTimeout(() => {
      this.telling = undefined;
      this.events.printed(Math.max(1, this.lines));
      this.lines = 0;
    }, TELL_EVERY);
  }

  private beginRestore(cols: number, rows: number): void {
    this.restoring = true;
    this.cols = cols;
    this.rows = rows;
    this.terminal.beginRestore(cols, rows);
    this.events.sized();
  }

  private endRestore(): void {
    this.restoring = false;
    this.terminal.endRestore();
  }

  private control(control: Control): void {
    switch (control.type) {
      case 'attached':
        this.drive = control.drive;
        if (control.leads !== null) this.leads = control.leads;
        this.resized(control.cols, control.rows);
        this.events.shown({ drive: control.drive, leads: this.leads });
        this.report();
        return;
      case 'size':
        this.leads = control.leads;
        this.resized(control.cols, control.rows);
        this.events.shown({ leads: control.leads });
        return;
      case 'refused': return this.events.refused(control.reason || 'The face did not take what was typed.');
      case 'lapped': return this.events.lapped();
      case 'clipboard': return this.events.clipboard(control.base64);
      case 'ended': return this.events.ended(control.end);
      case 'accepted':
      case 'draining':
      case 'detached':
      case 'pong':
      case 'viewers': return;
    }
  }

  private resized(cols: number, rows: number): void {
    this.cols = cols;
    this.rows = rows;
    this.terminal.resize(cols, rows);
    this.events.sized();
  }
}
