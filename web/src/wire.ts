// What is said between the page and the web server on one WebSocket: subprotocol facemux.1.
// It owns the byte layout and nothing else; it must never keep state or touch a socket.
// A message is binary, its first byte a type, integers little-endian. Positions are child offsets
// or input positions below 2^53, so that a number holds them exactly.

/** The subprotocol asked for in the handshake. */
export const SUBPROTOCOL = 'facemux.1';

/** The largest input message in bytes; larger pastes go in several. */
export const INPUT_BYTES_MAX = 32 * 1024;

const OUTPUT = 1;
const RESTORE = 2;
const CONTROL = 3;
const INPUT = 1;
const ACKNOWLEDGE = 2;

const RESTORE_FIRST = 1;
const RESTORE_LAST = 2;

/** Why a face ended, as the server tells it. */
export interface Certificate {
  readonly reason: string;
  readonly cause: string | null;
  readonly code: number | null;
  readonly signal: number | string | null;
  readonly by: string | null;
  readonly at: string | null;
  readonly reaped: readonly string[];
}

/** What the server says in JSON. */
export type Control =
  | { type: 'attached'; cols: number; rows: number; offset: number; accepted: number; drive: boolean; leads: boolean | null; title: string }
  | { type: 'accepted'; upto: number }
  | { type: 'refused'; at: number; reason: string }
  | { type: 'size'; cols: number; rows: number; leads: boolean }
  | { type: 'lapped'; laps: number }
  | { type: 'clipboard'; base64: string }
  | { type: 'ended'; end: Certificate }
  | { type: 'draining' }
  | { type: 'detached'; reason: string }
  | { type: 'pong'; n: number }
  | { type: 'viewers'; n: number };

/** One message from the server. */
export type Incoming =
  | { kind: 'output'; offset: number; bytes: Uint8Array }
  | { kind: 'restore'; offset: number; first: boolean; last: boolean; cols: number; rows: number; bytes: Uint8Array }
  | { kind: 'control'; control: Control };

/** What the page asks for when it attaches. */
export interface Attach {
  readonly token: string;
  readonly resume: number | null;
  readonly history: number;
  readonly cols: number;
  readonly rows: number;
  readonly drive: boolean;
}

/** What the page says in JSON. */
export type Saying =
  | ({ type: 'attach' } & Attach)
  | { type: 'size'; cols: number; rows: number }
  | { type: 'report'; foreground: string; background: string; cursor: string; cell?: readonly [number, number] }
  | { type: 'ping'; n: number }
  | { type: 'leave' };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Reads one message; null when it is none that this version knows. */
export function decode(message: ArrayBuffer): Incoming | null {
  const view = new DataView(message);
  if (view.byteLength < 1) return null;
  switch (view.getUint8(0)) {
    case OUTPUT: {
      const offset = view.byteLength < 9 ? null : position(view, 1);
      return offset === null ? null : { kind: 'output', offset, bytes: new Uint8Array(message, 9) };
    }
    case RESTORE: {
      const offset = view.byteLength < 14 ? null : position(view, 1);
      if (offset === null) return null;
      const flags = view.getUint8(9);
      return {
        kind: 'restore', offset,
        first: (flags & RESTORE_FIRST) !== 0, last: (flags & RESTORE_LAST) !== 0,
        cols: view.getUint16(10, true), rows: view.getUint16(12, true),
        bytes: new Uint8Array(message, 14),
      };
    }
    case CONTROL: {
      const control = decodeControl(decoder.decode(new Uint8Array(message, 1)));
      return control && { kind: 'control', control };
    }
    default:
      return null;
  }
}

/** Input from a position in this viewer's stream on. */
export function encodeInput(at: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(9 + bytes.length);
  message[0] = INPUT;
  new DataView(message.buffer).setBigUint64(1, BigInt(at), true);
  message.set(bytes, 9);
  return message;
}

/** Everything before this offset is written to the terminal. */
export function encodeAcknowledgement(offset: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(9);
  message[0] = ACKNOWLEDGE;
  new DataView(message.buffer).setBigUint64(1, BigInt(offset), true);
  return message;
}

/** A message in JSON. */
export function encodeSaying(saying: Saying): Uint8Array<ArrayBuffer> {
  const plain = saying.type === 'attach' && saying.resume !== null ? { ...saying, resume: String(saying.resume) } : saying;
  const json = encoder.encode(JSON.stringify(plain));
  const message = new Uint8Array(1 + json.length);
  message[0] = CONTROL;
  message.set(json, 1);
  return message;
}

/** Reads a control message; null when it is malformed or unknown. */
export function decodeControl(json: string): Control | null {
  let said: unknown;
  try {
    said = JSON.parse(json);
  } catch {
    return null;
  }
  if (!isRecord(said)) return null;
  switch (said['type']) {
    case 'attached': {
      const offset = decimal(said['offset']);
      const accepted = decimal(said['accepted']);
      const size = decodeSize(said);
      if (offset === null || accepted === null || !size) return null;
      const leads = typeof said['leads'] === 'boolean' ? said['leads'] : null;
      return { type: 'attached', ...size, offset, accepted, drive: said['drive'] === true, leads, title: text(said['title']) };
    }
    case 'accepted': {
      const upto = decimal(said['upto']);
      return upto === null ? null : { type: 'accepted', upto };
    }
    case 'refused': {
      const at = decimal(said['at']);
      return at === null ? null : { type: 'refused', at, reason: text(said['reason']) };
    }
    case 'size': {
      const size = decodeSize(said);
      return size && { type: 'size', ...size, leads: said['leads'] === true };
    }
    case 'lapped':
      return { type: 'lapped', laps: decimal(said['laps']) ?? 1 };
    case 'clipboard':
      return { type: 'clipboard', base64: text(said['base64']) };
    case 'ended':
      return { type: 'ended', end: decodeCertificate(said['end']) };
    case 'draining':
      return { type: 'draining' };
    case 'detached':
      return { type: 'detached', reason: text(said['reason']) };
    case 'pong':
      return { type: 'pong', n: decimal(said['n']) ?? 0 };
    case 'viewers':
      return { type: 'viewers', n: decimal(said['n']) ?? 0 };
    default:
      return null;
  }
}

/** Reads a certificate, whatever of it is there. */
export function decodeCertificate(said: unknown): Certificate {
  const end = isRecord(said) ? said : {};
  const reaped = Array.isArray(end['reaped']) ? end['reaped'].map(describeReaped) : [];
  const signal = end['signal'];
  return {
    reason: text(end['reason']) || 'It ended.',
    cause: typeof end['cause'] === 'string' ? end['cause'] : null,
    code: typeof end['code'] === 'number' ? end['code'] : null,
    signal: typeof signal === 'number' || typeof signal === 'string' ? signal : null,
    by: typeof end['by'] === 'string' ? end['by'] : null,
    at: typeof end['at'] === 'string' ? end['at'] : null,
    reaped,
  };
}

/** Whether a parsed value is an object with named fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number given as a number or as decimal digits; null when it is neither or too large. */
export function decimal(value: unknown): number | null {
  const number = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null;
}

function describeReaped(process: unknown): string {
  if (Array.isArray(process)) return `${String(process[1])} (${String(process[0])})`;
  if (isRecord(process)) return `${text(process['command'] ?? process['name'])} (${String(process['pid'])})`;
  return String(process);
}

function decodeSize(said: Record<string, unknown>): { cols: number; rows: number } | null {
  const cols = decimal(said['cols']);
  const rows = decimal(said['rows']);
  return cols && rows ? { cols, rows } : null;
}

function position(view: DataView, at: number): number | null {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
