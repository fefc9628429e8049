// One face's WebSocket: a thin shell around the link, the inbox and the outbox. It owns the socket and its one
// timer; every decision is theirs. It must never drop a typed byte or hand over an output byte twice.

import * as api from './api';
import { Inbox } from './inbox';
import { IDLE, type Link, type LinkEvent, deadline, step } from './link';
import { Outbox } from './outbox';
import { type Control, INPUT_BYTES_MAX, SUBPROTOCOL, type Saying, decode, encodeAcknowledgement, encodeInput, encodeSaying } from './wire';

/** What a connection tells its owner. */
export interface ConnectionEvents {
  linked(link: Link): void;
  output(bytes: Uint8Array, upto: number): void;
  beginRestore(cols: number, rows: number): void;
  endRestore(): void;
  control(control: Control): void;
  /** The size to attach with. */
  size(): { cols: number; rows: number };
  history(): number;
}

/** A failed handshake this often in a row asks for a ticket, in case the cookie does not reach the WebSocket. */
const TICKET_AFTER = 2;

/** Bytes shown that are worth telling the server: a quarter of the window that it sends ahead. */
const ACKNOWLEDGE_EVERY = 32 * 1024;

/** One face's connection. */
export class Connection {
  private link: Link = IDLE;
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attached = false;
  private pings = 0;
  private written = 0;
  private acknowledged = 0;
  private readonly inbox = new Inbox();
  private readonly outbox = new Outbox();
  /** Names this page's input stream to the server, so that what is resent is not typed twice. */
  private readonly token = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');

  constructor(private readonly face: number, private readonly events: ConnectionEvents) {}

  /** Something happened outside: wanted, unwanted, offline, online or resumed. */
  tell(event: LinkEvent): void {
    const { link, effects } = step(this.link, event, Date.now(), Math.random());
    const changed = link !== this.link && event.is !== 'heard';
    this.link = link;
    for (const effect of effects) {
      if (effect === 'open') void this.open();
      else if (effect === 'close') this.close();
      else this.say({ type: 'ping', n: ++this.pings });
    }
    this.schedule();
    if (changed) this.events.linked(link);
  }

  /** Typed bytes; false when they were not taken. */
  type(bytes: Uint8Array): boolean {
    if (!this.outbox.push(bytes)) return false;
    this.flush();
    return true;
  }

  say(saying: Saying): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(encodeSaying(saying));
  }

  /** The terminal shows everything before this offset. */
  acknowledge(upto: number): void {
    this.written = upto;
    if (upto - this.acknowledged < ACKNOWLEDGE_EVERY) return;
    this.acknowledged = upto;
    if (this.attached && this.socket?.readyState === WebSocket.OPEN) this.socket.send(encodeAcknowledgement(upto));
  }

  /** How much of what was typed has not arrived. */
  get pending(): number {
    return this.outbox.pending;
  }

  private async open(): Promise<void> {
    this.close();
    const pass = this.link.retry >= TICKET_AFTER ? await api.ticket(this.face) : null;
    if (this.link.phase.at !== 'opening' || this.socket) return;
    const url = new URL('ws', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.search = `?face=${this.face}${pass ? `&ticket=${encodeURIComponent(pass)}` : ''}`;
    const socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.attached = false;
    socket.onopen = () => this.attach();
    socket.onmessage = (event) => {
      if (socket === this.socket && event.data instanceof ArrayBuffer) this.take(event.data);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.drop();
      this.tell({ is: 'closed', code: event.code, reason: event.reason });
    };
  }

  private attach(): void {
    this.say({ type: 'attach', token: this.token, resume: this.inbox.resume, history: this.events.history(), ...this.events.size(), drive: this.link.drive });
  }

  private take(message: ArrayBuffer): void {
    const incoming = decode(message);
    if (!incoming) return;
    this.tell({ is: 'heard' });
    if (incoming.kind === 'control') return this.takeControl(incoming.control);
    const taken = incoming.kind === 'output'
      ? this.inbox.output(incoming.offset, incoming.bytes)
      : this.inbox.restore(incoming.offset, incoming.first, incoming.last, incoming.bytes);
    if (taken.is === 'gap') return this.again();
    if (incoming.kind === 'restore' && incoming.first) this.events.beginRestore(incoming.cols, incoming.rows);
    if (taken.is === 'write') this.events.output(taken.bytes, taken.upto);
    if (incoming.kind === 'restore' && incoming.last) this.events.endRestore();
  }

  private takeControl(control: Control): void {
    if (control.type === 'attached') {
      this.attached = true;
      this.outbox.reconnected(control.accepted);
      this.tell({ is: 'attached' });
      if (this.written > 0 && this.inbox.resume !== null) this.acknowledge(this.written);
      this.flush();
    } else if (control.type === 'accepted') {
      this.outbox.accepted(control.upto);
      this.flush();
    } else if (control.type === 'refused') {
      if (this.outbox.refused(control.at) === 0) return;
    }
    this.events.control(control);
    if (control.type === 'detached') {
      this.drop();
      this.tell({ is: 'closed', code: 4001, reason: control.reason });
    }
  }

  /** The server left something out: starts over with a restore. */
  private again(): void {
    this.inbox.forget();
    this.close();
    this.tell({ is: 'unwanted' });
    this.tell({ is: 'wanted' });
  }

  private flush(): void {
    if (!this.attached || this.socket?.readyState !== WebSocket.OPEN) return;
    for (let piece = this.outbox.next(INPUT_BYTES_MAX); piece; piece = this.outbox.next(INPUT_BYTES_MAX)) {
      this.socket.send(encodeInput(piece.at, piece.bytes));
    }
  }

  private close(): void {
    const socket = this.socket;
    if (!socket) return;
    if (socket.readyState === WebSocket.OPEN) this.say({ type: 'leave' });
    this.drop();
    socket.close(1000);
  }

  private drop(): void {
    this.socket = null;
    this.attached = false;
    this.inbox.disconnected();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const due = deadline(this.link);
    if (due !== null) this.timer = setTimeout(() => this.tell({ is: 'timer' }), Math.max(0, due - Date.now()));
  }
}
