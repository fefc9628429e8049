// The keys a phone's keyboard lacks: Esc, Tab, Ctrl, Alt, arrows. Ctrl and Alt stick: a tap holds them for one key,
// a second tap until the next. It owns which of them are held.

import { el, set } from './dom';
import { sticky } from './keys';

type Held = 'no' | 'once' | 'on';

const KEYS: readonly (readonly [string, string, string])[] = [
  ['Esc', 'Escape', '\x1b'], ['Tab', 'Tab', '\t'], ['Ctrl', 'Control', ''], ['Alt', 'Alt', ''],
  ['\u2190', 'Left', 'D'], ['\u2193', 'Down', 'B'], ['\u2191', 'Up', 'A'], ['\u2192', 'Right', 'C'],
  ['PgUp', 'Page up', '\x1b[5~'], ['PgDn', 'Page down', '\x1b[6~'], ['Home', 'Home', 'H'], ['End', 'End', 'F'], ['|', 'Pipe', '|'], ['~', 'Tilde', '~'], ['/', 'Slash', '/'], ['-', 'Minus', '-'],
];

/** The key bar. */
export class KeyBar {
  readonly element = el('div', { class: 'keybar', role: 'toolbar', 'aria-label': 'Keys' });
  private held: Record<string, Held> = { Ctrl: 'no', Alt: 'no' };
  private readonly buttons = new Map<string, HTMLButtonElement>();

  /** `send` types into the viewed face; `application` says whether its arrows are in application mode. */
  constructor(private readonly send: (bytes: Uint8Array) => void, private readonly application: () => boolean) {
    for (const [shown, name, code] of KEYS) {
      const button = el('button', { type: 'button', class: 'key', 'aria-label': name, onclick: () => this.press(shown, code) }, shown);
      // The terminal keeps the focus, so that the phone's keyboard stays.
      button.addEventListener('pointerdown', (event) => event.preventDefault());
      if (code === '') set(button, { 'aria-pressed': 'false' });
      this.buttons.set(shown, button);
      this.element.append(button);
    }
  }

  /** What was typed, with the held keys applied; those held once are let go. */
  apply(bytes: Uint8Array): Uint8Array {
    const out = sticky(bytes, this.held['Ctrl'] !== 'no', this.held['Alt'] !== 'no');
    for (const key of ['Ctrl', 'Alt']) if (this.held[key] === 'once') this.hold(key, 'no');
    return out;
  }

  private press(shown: string, code: string): void {
    if (code === '') {
      const next: Record<Held, Held> = { no: 'once', once: 'on', on: 'no' };
      return this.hold(shown, next[this.held[shown] ?? 'no']);
    }
    const cursor = /^[A-DHF]$/.test(code);
    this.send(this.apply(new TextEncoder().encode(cursor ? `\x1b${this.application() ? 'O' : '['}${code}` : code)));
  }

  private hold(key: string, held: Held): void {
    this.held[key] = held;
    const button = this.buttons.get(key);
    if (button) set(button, { 'aria-pressed': held === 'no' ? 'false' : 'true', 'data-held': held });
  }
}
