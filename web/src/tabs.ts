// The strip of tabs above the terminal: the other way to switch. It owns its elements alone.

import { Keyed, drawIcon, el, set, write } from './dom';
import { type Row, row, spoken } from './row';
import { type State, ordered } from './store';

/** The strip of tabs. */
export class Tabs {
  readonly element = el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Faces' });
  private readonly tabs: Keyed<Tab>;
  private reached = '';

  constructor(private readonly view: (id: number) => void) {
    this.tabs = new Keyed(this.element, (id) => new Tab(id, view));
    this.element.addEventListener('keydown', (event) => this.move(event));
    this.element.addEventListener('wheel', (event) => {
      if (event.deltaX === 0) this.element.scrollLeft += event.deltaY;
    }, { passive: true });
  }

  update(state: State, now: number): void {
    const faces = ordered(state);
    this.tabs.update(faces.map((face) => face.id));
    for (const face of faces) this.tabs.items.get(face.id)?.update(row(state, face, now), state.viewed === null && face === faces[0]);
    // An empty list of tabs is no list.
    set(this.element, { role: faces.length ? 'tablist' : null });
    const reach = `${state.viewed} of ${faces.length}`;
    if (reach !== this.reached) {
      this.reached = reach;
      if (state.viewed !== null) this.tabs.items.get(state.viewed)?.element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }

  private move(event: KeyboardEvent): void {
    const tabs = [...this.element.querySelectorAll<HTMLElement>('[role="tab"]')];
    const at = tabs.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined || at < 0 || event.ctrlKey) return;
    event.preventDefault();
    const tab = tabs[to % tabs.length];
    tab?.focus();
    const id = Number(tab?.dataset['face']);
    if (Number.isSafeInteger(id)) this.view(id);
  }
}

class Tab {
  readonly element: HTMLElement;
  private readonly source = el('span', { class: 'source' });
  private readonly name = el('span', { class: 'name' });
  private readonly unread = el('span', { class: 'dot', hidden: true });
  private shown = '';

  constructor(id: number, view: (id: number) => void) {
    this.element = el('button', { type: 'button', role: 'tab', id: `tab-${id}`, class: 'tab', 'data-face': id, 'aria-controls': 'stage', onclick: () => view(id) }, this.source, this.name, this.unread);
  }

  update(row: Row, reachable: boolean): void {
    const now = JSON.stringify([row.label, row.source, row.unread, row.bell, row.viewed, row.standing, row.ended, reachable]);
    if (now === this.shown) return;
    this.shown = now;
    set(this.element, { 'aria-selected': row.viewed ? 'true' : 'false', tabindex: row.viewed || reachable ? 0 : -1, 'data-standing': row.standing, 'data-ended': row.ended, 'aria-label': spoken(row), title: `${row.label} (${row.source})` });
    if (this.source.firstElementChild?.getAttribute('data-icon') !== row.source) this.source.replaceChildren(drawIcon(row.source));
    write(this.name, row.label);
    this.unread.hidden = !row.unread && !row.bell;
    set(this.unread, { 'data-bell': row.bell });
  }
}
