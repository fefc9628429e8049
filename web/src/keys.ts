// Which keys are the page's own, and what the key bar's sticky keys make of what is typed. Pure.

/** What the page's own keys do. */
export type Command = 'next' | 'previous' | 'palette' | 'find' | 'filter' | 'sidebar' | 'copy' | 'paste' | 'larger' | 'smaller' | 'usual';

/** The part of a keyboard event that matters. */
export interface Pressed {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

const SHIFTED: Record<string, Command> = {
  ArrowRight: 'next', ArrowLeft: 'previous', KeyP: 'palette', Space: 'palette', KeyF: 'find', KeyL: 'filter', KeyB: 'sidebar', KeyC: 'copy', KeyV: 'paste',
  Equal: 'larger', Minus: 'smaller', Digit0: 'usual',
};
const ON_MAC: Record<string, Command> = { KeyK: 'palette', KeyF: 'find', KeyC: 'copy' };

/** The page's keys for people to read. */
export const KEYS: readonly (readonly [string, string])[] = [
  ['Ctrl+Shift+\u2192 / \u2190', 'Next and previous face'],
  ['Ctrl+Shift+P or Space', 'Commands'],
  ['Ctrl+Shift+F', 'Find in the history'],
  ['Ctrl+Shift+L', 'Show matching lines only'],
  ['Ctrl+Shift+B', 'To the list of faces, and back'],
  ['Ctrl+Shift+C / V', 'Copy and paste'],
  ['Ctrl+Shift+= / - / 0', 'Font size'],
];

/** The command of a key; null when it belongs to the face. */
export function command(pressed: Pressed, mac: boolean): Command | null {
  if (pressed.altKey) return null;
  if (pressed.ctrlKey && pressed.shiftKey && !pressed.metaKey) return SHIFTED[pressed.code] ?? null;
  if (mac && pressed.metaKey && !pressed.ctrlKey && !pressed.shiftKey) return ON_MAC[pressed.code] ?? null;
  return null;
}

/** Typed bytes with sticky Ctrl and Alt applied to the first of them. */
export function sticky(bytes: Uint8Array, ctrl: boolean, alt: boolean): Uint8Array {
  const first = bytes[0];
  if (first === undefined || (!ctrl && !alt)) return bytes;
  let out = bytes;
  const arrow = /^\x1b[[O]([ABCDHF])$/.exec(String.fromCharCode(...bytes.subarray(0, 4)));
  if (arrow && bytes.length === 3) {
    const modifier = 1 + (alt ? 2 : 0) + (ctrl ? 4 : 0);
    return new TextEncoder().encode(`\x1b[1;${modifier}${arrow[1]}`);
  }
  if (ctrl) {
    const code = control(first);
    if (code !== null) {
      out = bytes.slice();
      out[0] = code;
    }
  }
  if (!alt) return out;
  const escaped = new Uint8Array(out.length + 1);
  escaped[0] = 0x1b;
  escaped.set(out, 1);
  return escaped;
}

function control(byte: number): number | null {
  if (byte >= 0x40 && byte <= 0x5f) return byte & 0x1f;
  if (byte >= 0x61 && byte <= 0x7a) return byte & 0x1f;
  if (byte === 0x20 || byte === 0x32) return 0;
  if (byte === 0x3f || byte === 0x38) return 0x7f;
  if (byte >= 0x33 && byte <= 0x37) return byte - 0x18;
  if (byte === 0x2f) return 0x1f;
  return null;
}
