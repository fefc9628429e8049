// The faces of this page as live things: which have a view, which are connected, which is seen. It owns the views
// and the number of live connections; what it decides is told to the store and, where a person should know, in a notice.

import { read } from './api';
import { decodeClipboard, copy } from './clipboard';
import { ask } from './dialog';
import { el } from './dom';
import { type Face, ending, label } from './face';
import { type Command, command } from './keys';
import type { Notebook } from './notebook';
import { doubtful, harmless, inspect, visible } from './paste';
import { BUSY_WITHIN, live, room } from './pool';
import { duration } from './row';
import { type Store, UNCONNECTED } from './store';
import type { Look } from './terminal';
import { isDark } from './theme';
import type { Toasts } from './toasts';
import { View } from './view';
import type { Certificate } from './wire';

/** A face that printed nothing for this long, in milliseconds, does not stream any more. */
const QUIET_AFTER = 1000;

/** What the views need of the page around them. */
export interface Around {
  area: HTMLElement;
  run(named: Command): void;
  typed(bytes: Uint8Array): Uint8Array;
  scrolled(id: number): void;
  hovered(uri: string | null): void;
  found(id: number, index: number, count: number): void;
  sized(id: number): void;
  missing(id: number): void;
}

/** Whether the keyboard is a Mac's. */
export const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/** All views. */
export class Views {
  private readonly views = new Map<number, View>();
  private readonly quiet = new Map<number, ReturnType<typeof setTimeout>>();
  private fitted: { cols: number; rows: number } | null = null;

  constructor(private readonly store: Store, private readonly notebook: Notebook, private readonly toasts: Toasts, private readonly around: Around) {}

  /** How many faces may be live at once. */
  get limit(): number {
    return this.notebook.memory.connections ?? this.store.state.limits.connections;
  }

  /** The view of the face that is seen. */
  get viewed(): View | null {
    const id = this.store.state.viewed;
    return id === null ? null : this.views.get(id) ?? null;
  }

  get(id: number): View | undefined {
    return this.views.get(id);
  }

  /** Sees a face: the others stay as they are, but for the one that was seen before. */
  see(id: number): void {
    const before = this.viewed;
    const view = this.ensure(id);
    if (!view) return;
    this.store.dispatch({ type: 'viewing', id, now: Date.now() });
    if (before !== view) before?.terminal.hide();
    this.toasts.take(`ended-${id}`);
    view.terminal.show();
    this.resized();
    this.claim();
    const connection = this.store.state.connections[id] ?? UNCONNECTED;
    if (!this.store.state.faces[id]?.ended && connection.status === 'disconnected') void this.connect(id, true);
  }

  /** Connects a face. `asked` when a person wants it now: then room may be asked for. */
  async connect(id: number, asked: boolean): Promise<void> {
    const { state } = this.store;
    const face = state.faces[id];
    if (!face || face.ended) return;
    const found = room(state, id, this.limit, Date.now());
    if (found.is === 'let-go') this.letGo(found.id);
    else if (found.is === 'ask') {
      if (!asked) return this.offerRoom(id, found.among);
      const chosen = await this.askRoom(id, found.among);
      if (chosen === null) return;
      this.letGo(chosen);
    }
    this.ensure(id)?.connection.tell({ is: 'wanted' });
  }

  /** Disconnects a face by a person's wish. */
  disconnect(id: number): void {
    this.views.get(id)?.connection.tell({ is: 'unwanted' });
  }

  /** Forgets a face. */
  remove(id: number): void {
    clearTimeout(this.quiet.get(id));
    this.quiet.delete(id);
    this.views.get(id)?.dispose();
    this.views.delete(id);
  }

  /** A face printed: it streams until it is quiet again. */
  printed(id: number, lastLine: string | null, lines: number): void {
    const { state } = this.store;
    if (!state.faces[id] || state.faces[id].ended) return;
    this.store.dispatch({ type: 'printed', id, lastLine, now: Date.now() });
    if (lines > 0 && (state.viewed !== id || document.hidden)) this.store.dispatch({ type: 'unread', id, count: lines });
    clearTimeout(this.quiet.get(id));
    this.quiet.set(id, setTimeout(() => this.store.dispatch({ type: 'quiet', id }), QUIET_AFTER));
  }

  /** A face ended, here or elsewhere: said once, with its certificate; below its screen where that is seen. */
  ended(id: number, end: Certificate | null): void {
    const face = this.store.state.faces[id];
    if (!face || (face.ended && (face.end || !end))) return;
    this.store.dispatch({ type: 'ended', id, end });
    if (this.store.state.viewed === id && !document.hidden) return;
    this.toasts.show({ text: `${label(face)} ${ending(end)}`, ...(end ? { detail: end.reason } : {}), about: `ended-${id}`, tone: end?.code === 0 ? 'plain' : 'bad' });
  }

  /** A face wrote to the clipboard (OSC 52): done, asked or left, by the face's right. Only a window that is seen does it. */
  clipboard(id: number, base64: string): void {
    if (document.hidden || !this.views.has(id)) return;
    const face = this.store.state.faces[id];
    const text = decodeClipboard(base64);
    if (!face || text === null || text === '') return;
    const right = this.notebook.face(id, face.created).clipboard;
    if (right === 'deny') return;
    const put = async (): Promise<void> => {
      const name = this.name(id);
      if (await copy(text)) this.toasts.show({ text: `${name} copied ${text.length} characters`, about: `clipboard-${id}` });
      else this.toasts.show({ text: `${name} wants to copy ${text.length} characters`, about: `clipboard-${id}`, offers: [{ name: 'Copy', run: () => void copy(text) }] });
    };
    if (right === 'allow') return void put();
    const decide = (clipboard: 'allow' | 'deny'): void => this.notebook.changeFace(id, face.created, { clipboard });
    this.toasts.show({
      text: `${this.name(id)} wants to write to your clipboard`, detail: visible(text.slice(0, 120)), about: `clipboard-${id}`,
      offers: [{ name: 'Once', run: () => void put() }, { name: 'Always for this face', run: () => { decide('allow'); void put(); } }, { name: 'Never', run: () => decide('deny') }],
    });
  }

  /** The page's room changed: the seen face takes it, the others when they are seen. */
  resized(): void {
    const fit = this.viewed?.terminal.fit(this.around.area);
    if (!fit) return;
    this.fitted = fit;
    this.viewed?.fit(fit);
    this.viewed?.terminal.fitFont();
    if (this.viewed) this.around.sized(this.viewed.face.id);
  }

  /** The seen face takes this window's size where nobody else is there; where somebody is, typing does that. */
  claim(): void {
    const alone = this.unclaimed();
    if (!alone) return;
    // The count in the list may be from before this window came, and be another's.
    const lead = (face: Face | null): void => {
      if (face?.viewers === 1 && this.unclaimed() === alone) alone.lead();
    };
    read(alone.face.id).then(lead, () => undefined);
  }

  /** The seen face, where this window could take its size and the list knows of nobody else. */
  private unclaimed(): View | null {
    const view = this.viewed;
    if (!view || view.leads || !view.boxed || !view.drive || document.hidden) return null;
    const { connections, faces } = this.store.state;
    const others = (faces[view.face.id]?.viewers ?? 0) > 1;
    return connections[view.face.id]?.status === 'connected' && !others ? view : null;
  }

  /** The settings changed. */
  relook(): void {
    for (const view of this.views.values()) view.setLook(this.look(view.face.id, view.face.created));
    this.resized();
  }

  /** The network or the page came back, or the network went. */
  tell(event: 'online' | 'offline' | 'resumed'): void {
    for (const view of this.views.values()) view.connection.tell({ is: event });
  }

  private ensure(id: number): View | null {
    const known = this.views.get(id);
    if (known) return known;
    const face = this.store.state.faces[id];
    if (!face) return null;
    const { around, store } = this;
    const view = new View(face, this.look(id, face.created), this.fitted, {
      shown: (change) => {
        store.dispatch({ type: 'linked', id, change });
        // Once its size is known as well.
        if (change.status === 'connected') queueMicrotask(() => this.claim());
      },
      printed: (lines) => this.printed(id, null, lines),
      scrolled: () => around.scrolled(id),
      pasted: (text) => void this.paste(id, text),
      linked: (uri) => window.open(uri, '_blank', 'noopener,noreferrer'),
      hovered: around.hovered,
      found: (index, count) => around.found(id, index, count),
      key: (event) => this.key(event),
      typed: (bytes) => {
        store.dispatch({ type: 'linked', id, change: { lastActivity: Date.now() } });
        return around.typed(bytes);
      },
      sized: () => around.sized(id),
      lapped: () => this.toasts.show({ text: `${this.name(id)} printed faster than this page could show`, detail: 'It went on with the newest screen and history.', about: `lapped-${id}` }),
      clipboard: (base64) => this.clipboard(id, base64),
      ended: (end) => this.ended(id, end),
      refused: (reason) => this.toasts.show({ text: `${this.name(id)} did not take what was typed`, detail: reason, tone: 'bad', about: `refused-${id}` }),
      missing: () => around.missing(id),
    });
    this.views.set(id, view);
    around.area.append(view.terminal.element);
    view.terminal.scrolled = this.notebook.face(id, face.created).scrolled;
    return view;
  }

  private look(id: number, created: string): Look {
    const { memory } = this.notebook;
    const fontSize = this.notebook.face(id, created).fontSize ?? memory.fontSize;
    return { fontSize, dark: isDark(memory.theme), scrollback: memory.scrollback, cursorBlink: memory.cursorBlink, screenReader: memory.screenReader };
  }

  private name(id: number): string {
    const face = this.store.state.faces[id];
    return face ? label(face) : String(id);
  }

  private key(event: KeyboardEvent): boolean {
    const named = command(event, mac);
    if (named === null) return true;
    // The browser's own paste follows the key and arrives as a paste.
    if (named === 'paste') return false;
    if (named === 'copy' && !this.viewed?.terminal.term.hasSelection()) return event.metaKey;
    event.preventDefault();
    if (event.type === 'keydown') this.around.run(named);
    return false;
  }

  private letGo(id: number): void {
    this.disconnect(id);
    this.store.dispatch({ type: 'linked', id, change: { letGo: true } });
    this.toasts.show({
      text: `${this.name(id)} was disconnected to make room`, detail: `${this.limit} live connections at once; it keeps running.`,
      offers: [{ name: 'Reconnect', run: () => void this.connect(id, true) }], about: 'room',
    });
  }

  private offerRoom(id: number, among: number[]): void {
    this.toasts.show({
      text: `${this.name(id)} is not connected`, detail: `All ${this.limit} live connections are busy.`, about: 'room',
      offers: [{ name: 'Choose which to let go', run: () => void this.askRoom(id, among).then((chosen) => {
        if (chosen === null) return;
        this.letGo(chosen);
        void this.connect(id, true);
      }) }],
    });
  }

  private askRoom(id: number, among: number[]): Promise<number | null> {
    const now = Date.now();
    const choices = among.filter((other) => live(this.store.state).includes(other)).map((other, at) => {
      const since = now - (this.store.state.connections[other]?.lastActivity ?? 0);
      return el('label', { class: 'field check' }, el('input', { type: 'radio', name: 'let-go', value: other, checked: at === 0 }),
        el('span', {}, `${this.name(other)} \u2013 ${since < BUSY_WITHIN ? 'busy now' : `quiet for ${duration(since / 1000)}`}`));
    });
    return ask('Which face should be let go?', [el('p', {}, `All ${this.limit} live connections are busy, and ${this.name(id)} needs one. The one you choose keeps running.`), el('div', { class: 'radios', role: 'radiogroup', 'aria-label': 'Faces' }, ...choices)],
      [{ name: 'Cancel', value: -1 }, { name: 'Let go', value: 0, tone: 'primary' }],
      (value) => value < 0 ? value : Number(document.querySelector<HTMLInputElement>('input[name="let-go"]:checked')?.value ?? -1))
      .then((value) => value === null || value < 0 ? null : value);
  }

  private async paste(id: number, raw: string): Promise<void> {
    const view = this.views.get(id);
    const pasted = inspect(raw);
    if (!view) return;
    if (!this.notebook.memory.pasteWarning || !doubtful(pasted)) return view.terminal.term.paste(pasted.text);
    const what = [pasted.lines > 1 ? `${pasted.lines} lines` : '', pasted.controls ? `${pasted.controls} control ${pasted.controls === 1 ? 'character' : 'characters'}` : ''].filter(Boolean).join(' and ');
    const answer = await ask<'all' | 'clean' | 'no'>('Paste this?', [
      el('p', {}, `It has ${what}. A program may act on them at once.`),
      el('pre', { class: 'pasted', tabindex: 0, 'aria-label': 'What would be pasted' }, visible(pasted.text.slice(0, 4000))),
    ], [{ name: 'Cancel', value: 'no' }, ...(pasted.controls ? [{ name: 'Paste without control characters', value: 'clean' as const }] : []), { name: 'Paste', value: 'all', tone: 'primary' }]);
    if (answer === 'all') view.terminal.term.paste(pasted.text);
    else if (answer === 'clean') view.terminal.term.paste(harmless(pasted.text));
    view.terminal.focus();
  }
}
