// The list of faces at the side: it draws rows and says which was chosen. It owns its elements alone.

import { Keyed, drawIcon, el, iconButton, set, write } from './dom';
import { type Row, described, row } from './row';
import { type State, ordered } from './store';

/** What the sidebar tells the page. */
export interface SidebarEvents {
  view(id: number): void;
  actions(id: number, button: HTMLElement): void;
  create(): void;
  settings(): void;
  theme(): void;
  leave(): void;
}

/** The sidebar. */
export class Sidebar {
  readonly element: HTMLElement;
  private readonly list = el('ul', { class: 'rows' });
  private readonly empty = el('p', { class: 'empty' });
  private readonly rows: Keyed<RowElement>;
  private shownIdle = '';

  constructor(private readonly events: SidebarEvents) {
    this.element = el('nav', { class: 'sidebar', id: 'sidebar', 'aria-label': 'Faces' },
      el('div', { class: 'sidebar-head' },
        el('h1', { class: 'brand' }, el('span', { class: 'brand-mark', 'aria-hidden': 'true' }), 'facemux'),
        iconButton('plus', 'New face', () => events.create(), { class: 'icon-button strong' })),
      this.list, this.empty,
      el('div', { class: 'sidebar-foot' },
        iconButton('theme', 'Light or dark', () => events.theme()),
        iconButton('settings', 'Settings', () => events.settings())));
    this.rows = new Keyed(this.list, (id) => new RowElement(id, events));
    this.list.addEventListener('keydown', (event) => this.move(event));
  }

  update(state: State, now: number): void {
    const faces = ordered(state);
    this.rows.update(faces.map((face) => face.id));
    for (const face of faces) this.rows.items.get(face.id)?.update(row(state, face, now));
    const words = state.listed ? 'No faces yet.' : 'Looking for faces\u2026';
    this.empty.hidden = faces.length > 0;
    if (this.shownIdle !== words) write(this.empty, this.shownIdle = words);
  }

  /** Moves the focus to the viewed row. */
  focus(): void {
    const current = this.list.querySelector<HTMLElement>('[aria-current="true"]') ?? this.list.querySelector<HTMLElement>('.row-main');
    (current ?? this.element.querySelector('button'))?.focus();
  }

  private move(event: KeyboardEvent): void {
    if (event.key === 'Escape') return this.events.leave();
    const buttons = [...this.list.querySelectorAll<HTMLElement>('.row-main')];
    const at = buttons.findIndex((button) => button.parentElement?.contains(document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))]?.focus();
  }
}

class RowElement {
  readonly element = el('li', { class: 'row' });
  private readonly main: HTMLButtonElement;
  private readonly more: HTMLButtonElement;
  private readonly mark = el('span', { class: 'mark', 'aria-hidden': 'true' });
  private readonly name = el('span', { class: 'name' });
  private readonly number = el('span', { class: 'number' });
  private readonly kind = el('span', { class: 'kind', 'aria-hidden': 'true' });
  private readonly words = el('span', { class: 'spoken' });
  private readonly standing = el('span', { class: 'standing', 'aria-hidden': 'true' });
  private readonly preview = el('span', { class: 'preview' });
  private readonly badges = el('span', { class: 'badges', 'aria-hidden': 'true' });
  private shown = '';

  constructor(id: number, events: SidebarEvents) {
    this.main = el('button', { type: 'button', class: 'row-main', onclick: () => events.view(id) },
      this.mark,
      el('span', { class: 'row-text' },
        el('span', { class: 'row-head' }, this.name, this.number, this.words, this.kind, this.badges),
        el('span', { class: 'row-line' }, this.standing, this.preview)));
    this.more = iconButton('more', '', () => events.actions(id, this.more), { class: 'icon-button row-more', 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
    this.element.append(this.main, this.more);
  }

  update(row: Row): void {
    const now = JSON.stringify(row);
    if (now === this.shown) return;
    this.shown = now;
    set(this.element, { 'data-face': row.id, 'data-mark': row.mark, 'data-standing': row.standing, 'data-depth': row.depth, 'data-ended': row.ended });
    set(this.main, { 'aria-current': row.viewed ? 'true' : null, title: row.note || null });
    set(this.more, { 'aria-label': `Actions for ${row.label}`, title: 'Actions' });
    if (this.mark.firstElementChild?.getAttribute('data-icon') !== row.mark) this.mark.replaceChildren(drawIcon(row.mark));
    write(this.name, row.label);
    write(this.number, row.number ? `#${row.number}` : '');
    write(this.words, ` ${described(row)}. `);
    write(this.kind, row.source === 'replay' ? 'replay' : row.kind);
    // The viewed row has its star at the head: how it stands goes before its words.
    const icon = row.viewed || row.telling ? row.standing : '';
    if ((this.standing.dataset['icon'] ?? '') !== icon) {
      this.standing.dataset['icon'] = icon;
      this.standing.replaceChildren(...(icon && row.viewed ? [drawIcon(row.standing)] : []));
    }
    this.preview.className = row.telling ? 'preview status' : 'preview';
    write(this.preview, row.telling ? row.status : row.preview);
    set(this.preview, { 'aria-hidden': row.telling ? 'true' : null });
    this.badges.replaceChildren(...badges(row));
  }
}

function badges(row: Row): Node[] {
  const nodes: Node[] = [];
  if (row.idle) nodes.push(el('span', { class: 'badge idle' }, row.idle));
  if (row.progress) nodes.push(el('span', { class: `badge progress ${row.progress.state}` }, row.progress.state === 'unknown' ? '\u2026' : `${row.progress.percent}%`));
  if (row.others) nodes.push(el('span', { class: 'badge people' }, drawIcon('people'), String(row.others)));
  if (row.bell) nodes.push(el('span', { class: 'badge bell' }, drawIcon('bell')));
  if (row.unread) nodes.push(el('span', { class: 'badge unread' }, row.unread));
  return nodes;
}
