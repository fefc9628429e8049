// The place where the viewed face's screen stands, and what is said around it: its size when another window set it,
// new lines below, a link's address, how it ended. It owns its elements alone.

import { drawIcon, el, set, write } from './dom';
import { type Face, ending, label } from './face';
import { type State, UNCONNECTED } from './store';
import type { View } from './view';
import type { Certificate } from './wire';

/** What the stage tells the page. */
export interface StageEvents {
  resized(): void;
  follow(): void;
  create(): void;
  dismiss(id: number): void;
  reconnect(id: number): void;
}

/** The stage. */
export class Stage {
  readonly element: HTMLElement;
  readonly area = el('div', { class: 'area' });
  private readonly caption = el('p', { class: 'caption', hidden: true });
  private readonly more: HTMLButtonElement;
  private readonly tip = el('div', { class: 'tip', role: 'tooltip', hidden: true });
  private readonly over = el('div', { class: 'over', role: 'status', hidden: true });
  private readonly nothing: HTMLElement;
  private overShown = '';

  constructor(private readonly events: StageEvents, ...bars: HTMLElement[]) {
    this.more = el('button', { type: 'button', class: 'new-lines', hidden: true, onclick: () => events.follow() });
    this.nothing = el('div', { class: 'nothing', hidden: true },
      el('p', { class: 'nothing-title' }, 'No face to show'),
      el('p', {}, 'A face is a terminal that keeps running when you leave. Start one, and come back to it from anywhere.'),
      el('button', { type: 'button', class: 'button primary', onclick: () => events.create() }, 'New face'));
    this.element = el('div', { class: 'stage', id: 'stage' },
      el('div', { class: 'sight' }, this.area, this.caption, this.more, this.tip, ...bars), this.nothing, this.over);
    new ResizeObserver(() => events.resized()).observe(this.area);
  }

  update(state: State): void {
    const face = state.viewed === null ? undefined : state.faces[state.viewed];
    set(this.element, { role: face ? 'tabpanel' : null, 'aria-labelledby': face ? `tab-${face.id}` : null });
    this.nothing.hidden = face !== undefined || !state.listed;
    this.updateOver(state, face);
  }

  /** Says that the size is not this window's. */
  letterbox(view: View | null): void {
    const boxed = view !== null && view.boxed && !view.leads;
    set(this.area, { 'data-boxed': boxed });
    this.caption.hidden = !boxed || !this.over.hidden;
    if (boxed) write(this.caption, `${view.cols} \u00d7 ${view.rows}${view.drive ? '. Type to fit it to this window.' : ', as its leader has it.'}`);
  }

  /** How many lines came below what is seen. */
  newLines(view: View | null): void {
    const above = view !== null && view.terminal.scrolled > 0;
    const count = view?.terminal.newLines ?? 0;
    this.more.hidden = !above;
    if (above) {
      const text = count === 0 ? 'To the end' : `${count > 9999 ? '9999+' : count} new ${count === 1 ? 'line' : 'lines'}`;
      if (this.more.textContent !== text) this.more.replaceChildren(drawIcon('down'), text);
    }
  }

  link(uri: string | null): void {
    this.tip.hidden = uri === null;
    if (uri !== null) write(this.tip, `${/Mac|iPhone|iPad/.test(navigator.platform) ? '\u2318' : 'Ctrl'}+click opens ${uri.slice(0, 300)}`);
  }

  private updateOver(state: State, face: Face | undefined): void {
    const connection = face ? state.connections[face.id] ?? UNCONNECTED : UNCONNECTED;
    const lost = face && !face.ended && (connection.status === 'disconnected' || connection.status === 'error');
    const key = JSON.stringify(face && [face.id, face.ended, face.end, lost, connection.status, connection.error, connection.letGo]);
    if (key === this.overShown) return;
    this.overShown = key ?? '';
    this.over.hidden = !face || !(face.ended || lost);
    if (!this.over.hidden) this.caption.hidden = true;
    if (!face || this.over.hidden) return;
    if (face.ended) {
      delete this.over.dataset['floating'];
      this.over.replaceChildren(...this.certificate(face, face.end));
    } else {
      this.over.dataset['floating'] = '';
      const why = connection.status === 'error' ? connection.error ?? 'The connection failed.' : connection.letGo ? 'Let go to make room for other faces.' : 'Not connected.';
      this.over.replaceChildren(el('p', { class: 'over-title' }, why), el('div', { class: 'choices' },
        el('button', { type: 'button', class: 'button primary', onclick: () => this.events.reconnect(face.id) }, 'Reconnect')));
    }
  }

  private certificate(face: Face, end: Certificate | null): Node[] {
    const facts: [string, string][] = [];
    if (end?.at) facts.push(['When', new Date(end.at).toLocaleString()]);
    if (end?.by && !end.reason.includes(end.by)) facts.push(['By', end.by]);
    if (end?.reaped.length) facts.push(['Ended with it', end.reaped.slice(0, 12).join(', ')]);
    return [
      el('p', { class: 'over-title' }, `${label(face)} ${ending(end)}`),
      end ? el('p', { class: 'over-reason' }, end.reason) : el('p', {}, ''),
      el('dl', {}, ...facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])),
      el('div', { class: 'choices' },
        el('button', { type: 'button', class: 'button', onclick: () => this.events.dismiss(face.id) }, 'Remove from the list'),
        el('button', { type: 'button', class: 'button primary', onclick: () => this.events.create() }, 'New face')),
    ];
  }
}
