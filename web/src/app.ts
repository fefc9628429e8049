// The page: it makes the parts, joins them to the store, and turns what the world says (events, network, keys,
// window) into actions. It owns the order of things at start and nothing that a part could own.

import { Actions } from './actions';
import { faceIn, faceQuery } from './address';
import * as api from './api';
import { Banner } from './banner';
import { copy } from './clipboard';
import { el, iconButton } from './dom';
import { type Face, decodeFace, label } from './face';
import { FilterPanel, FindBar } from './find';
import { KeyBar } from './keybar';
import { type Command, command } from './keys';
import { openMenu } from './menu';
import { Notebook } from './notebook';
import { type Entry, openPalette } from './palette';
import { atStart, live } from './pool';
import { type FaceMemory, type Memory, UNSEEN } from './remember';
import { openSettings } from './settings';
import { Sidebar } from './sidebar';
import { Stage } from './stage';
import { Store, UNCONNECTED, neighbour, ordered } from './store';
import { Tabs } from './tabs';
import { apply, isDark, onPreference } from './theme';
import { Toasts } from './toasts';
import { Views, mac } from './views';

const narrow = matchMedia('(max-width: 760px)');

/** The page. */
export class App {
  readonly store = new Store();
  readonly views: Views;
  private readonly notebook = new Notebook();
  private readonly toasts = new Toasts();
  private readonly actions = new Actions(this.toasts);
  private readonly sidebar: Sidebar;
  private readonly tabs = new Tabs((id) => this.view(id, false));
  private readonly stage: Stage;
  private readonly banner = new Banner(() => this.again());
  private readonly keybar: KeyBar;
  private readonly find: FindBar;
  private readonly filter: FilterPanel;
  private readonly stream: api.EventStream;
  private readonly root: HTMLElement;
  private drawing = false;
  private ticking: ReturnType<typeof setTimeout> | undefined;
  private scrollSaving: ReturnType<typeof setTimeout> | undefined;

  constructor(root: HTMLElement) {
    this.root = root;
    apply(this.notebook.memory.theme);
    const finding = { remember: (change: Partial<FaceMemory>) => this.rememberViewed(change), closed: () => this.focusTerminal() };
    this.find = new FindBar(finding);
    this.filter = new FilterPanel(finding);
    this.keybar = new KeyBar((bytes) => this.views.viewed?.type(bytes), () => this.views.viewed?.terminal.term.modes.applicationCursorKeysMode ?? false);
    this.stage = new Stage({
      resized: () => this.views.resized(),
      follow: () => { this.views.viewed?.terminal.toEnd(); this.focusTerminal(); },
      create: () => void this.create(),
      dismiss: (id) => this.forget(id),
      reconnect: (id) => void this.views.connect(id, true),
    }, this.filter.element, this.find.element);
    this.sidebar = new Sidebar({
      view: (id) => this.choose(id),
      actions: (id, button) => this.openActions(id, button),
      create: () => void this.create(),
      settings: () => this.openSettings(),
      theme: () => this.changeSettings({ theme: isDark(this.notebook.memory.theme) ? 'light' : 'dark' }),
      leave: () => { this.closeDrawer(); this.focusTerminal(); },
    });
    this.views = new Views(this.store, this.notebook, this.toasts, {
      area: this.stage.area,
      run: (command) => this.run(command),
      typed: (bytes) => this.keybar.apply(bytes),
      scrolled: (id) => this.scrolled(id),
      hovered: (uri) => this.stage.link(uri),
      found: (id, index, count) => { if (id === this.store.state.viewed) this.find.found(index, count); },
      sized: (id) => { if (id === this.store.state.viewed) this.stage.letterbox(this.views.viewed); },
      missing: (id) => void this.missing(id),
    });
    this.stream = new api.EventStream({
      listed: (faces) => this.listed(faces),
      told: (face) => this.told(face),
      printed: (id, lastLine) => this.views.printed(id, lastLine, this.store.state.connections[id]?.status === 'connected' ? 0 : 1),
      rang: (id) => this.store.dispatch({ type: 'rang', id }),
      progressed: (id, progress) => this.store.dispatch({ type: 'progressed', id, progress }),
      notified: (id, text) => this.notified(id, text),
      clipboard: (id, base64) => this.views.clipboard(id, base64),
      ended: (id, end) => this.views.ended(id, end),
      limits: (limits) => this.store.dispatch({ type: 'limits', limits }),
      up: () => this.store.dispatch({ type: 'server', server: { is: 'up' } }),
      down: (retry, nextAt) => this.store.dispatch({ type: 'server', server: { is: 'down', retry, nextAt } }),
      denied: () => this.store.dispatch({ type: 'server', server: { is: 'denied' } }),
    });
    this.build();
  }

  /** Starts: the face of the address first, then all others as the server lists them. */
  start(): void {
    const wanted = faceIn(location.search);
    const stub = wanted === null ? null : decodeFace({ id: wanted });
    if (stub) {
      this.store.dispatch({ type: 'told', face: stub });
      this.view(stub.id, true);
    }
    this.stream.start();
    this.store.watch(() => this.draw());
    this.draw();
  }

  private build(): void {
    const head = el('header', { class: 'head' },
      iconButton('sidebar', 'List of faces', () => this.toggleSidebar(), { 'aria-controls': 'sidebar', class: 'icon-button toggle-sidebar' }),
      this.tabs.element,
      el('div', { class: 'tools' },
        iconButton('filter', 'Show matching lines only', () => this.run('filter'), { class: 'icon-button wide' }),
        iconButton('search', 'Find in the history', () => this.run('find')),
        iconButton('command', 'Commands', () => this.openPalette())));
    const main = el('main', { class: 'main' }, head, this.banner.element, this.stage.element, this.keybar.element);
    const shade = el('div', { class: 'shade', onclick: () => this.closeDrawer() });
    this.root.replaceChildren(this.sidebar.element, shade, main, this.toasts.element);
    this.showSidebar(this.notebook.memory.sidebar && !narrow.matches);
    this.root.addEventListener('keydown', (event) => this.pressed(event));
    onPreference(() => this.changeSettings({}));
    addEventListener('online', () => this.network(true));
    addEventListener('offline', () => this.network(false));
    addEventListener('pagehide', () => { this.saveScroll(); this.notebook.flush(); });
    addEventListener('pageshow', (event) => { if (event.persisted) this.again(); });
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.seenAgain(); });
    if (!navigator.onLine) this.network(false);
    visualViewport?.addEventListener('resize', () => this.fitViewport());
    visualViewport?.addEventListener('scroll', () => this.fitViewport());
    this.fitViewport();
  }

  /** The store changed: drawn once per frame, and once a second while something counts down. */
  private draw(): void {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      const { state } = this.store;
      const now = Date.now();
      this.sidebar.update(state, now);
      this.tabs.update(state, now);
      this.banner.update(state);
      this.stage.update(state);
      const face = state.viewed === null ? undefined : state.faces[state.viewed];
      const unread = Object.values(state.connections).filter((connection) => connection.unread > 0).length;
      const title = `${unread ? `(${unread}) ` : ''}${face ? face.name ?? (face.title || `Face ${face.id}`) : 'Faces'} - facemux`;
      if (document.title !== title) document.title = title;
      clearTimeout(this.ticking);
      if (Object.values(state.connections).some((connection) => connection.nextAt !== null)) this.ticking = setTimeout(() => this.draw(), 1000);
    });
  }

  private view(id: number, focus: boolean): void {
    const face = this.store.state.faces[id];
    if (!face) return;
    const changed = this.store.state.viewed !== id;
    this.saveScroll();
    this.views.see(id);
    this.notebook.change({ viewed: id });
    history.replaceState(null, '', faceQuery(id));
    if (changed || !this.views.viewed) this.bindViewed();
    this.stage.link(null);
    this.stage.letterbox(this.views.viewed);
    this.stage.newLines(this.views.viewed);
    if (focus) this.focusTerminal();
  }

  /** A row was chosen: seen, reconnected when it is not connected, and on a phone the list makes room. */
  private choose(id: number): void {
    const status = this.store.state.connections[id]?.status;
    if (id === this.store.state.viewed && (status === 'disconnected' || status === 'error')) void this.views.connect(id, true);
    this.view(id, true);
    this.closeDrawer();
  }

  private bindViewed(): void {
    const view = this.views.viewed;
    const memory = view ? this.notebook.face(view.face.id, view.face.created) : UNSEEN;
    this.find.bind(view?.terminal ?? null, memory);
    this.filter.bind(view?.terminal ?? null, memory);
  }

  private listed(all: Face[]): void {
    const { state } = this.store;
    const first = !state.listed;
    const faces = all.filter((face) => !face.ended || state.faces[face.id]);
    const before = Object.values(state.faces).filter((face) => !face.ended);
    for (const face of faces) if (face.ended) this.views.ended(face.id, face.end);
    const here = new Set(faces.map((face) => face.id));
    for (const face of before) if (!here.has(face.id)) void this.missing(face.id);
    const fresh = faces.filter((face) => !state.faces[face.id] && !face.ended).map((face) => face.id);
    this.store.dispatch({ type: 'listed', faces: [...faces, ...before.filter((face) => !here.has(face.id))] });
    if (state.viewed !== null) this.refreshStub(state.viewed);
    this.views.claim();
    if (this.store.state.viewed === null) this.viewSomething();
    if (first) for (const id of atStart(this.store.state, this.views.limit)) void this.views.connect(id, false);
    else for (const id of fresh) void this.views.connect(id, false);
  }

  /** The face of the address was seen before the list came: what is remembered of it applies now. */
  private refreshStub(id: number): void {
    const view = this.views.get(id);
    const face = this.store.state.faces[id];
    if (!view || !face || view.face.created !== '' || face.created === '') return;
    view.know(face);
    const memory = this.notebook.face(id, face.created);
    this.views.relook();
    if (memory.scrolled > 0) view.terminal.scrolled = memory.scrolled;
    this.bindViewed();
  }

  private viewSomething(): void {
    const { state } = this.store;
    const remembered = this.notebook.memory.viewed;
    const living = ordered(state).filter((face) => !face.ended);
    const next = living.find((face) => face.id === remembered) ?? living.at(-1);
    if (next) this.view(next.id, true);
    else this.bindViewed();
  }

  private told(face: Face): void {
    const fresh = !this.store.state.faces[face.id];
    if (face.ended && fresh) return;
    if (face.ended) this.views.ended(face.id, face.end);
    this.store.dispatch({ type: 'told', face });
    if (face.id === this.store.state.viewed) this.views.claim();
    if (fresh) void this.views.connect(face.id, false);
  }

  /** A face the server does not list or know any more: ended, if it can still say how; else gone. */
  private async missing(id: number): Promise<void> {
    const known = this.store.state.faces[id];
    if (!known || known.ended) return;
    const face = await api.read(id).catch(() => undefined);
    if (face === undefined || (face && !face.ended)) return;
    if (face) return this.views.ended(id, face.end);
    this.toasts.show({ text: `${label(known)} is gone`, detail: 'It was removed on the server.', tone: 'bad' });
    this.forget(id);
  }

  private forget(id: number): void {
    const viewed = this.store.state.viewed === id;
    const next = viewed ? neighbour(this.store.state, 1) : null;
    this.views.remove(id);
    this.store.dispatch({ type: 'removed', id });
    if (!viewed) return;
    if (next !== null && next !== id) this.view(next, true);
    else this.bindViewed();
  }

  private notified(id: number, text: string): void {
    const face = this.store.state.faces[id];
    if (!face) return;
    this.store.dispatch({ type: 'rang', id });
    if (id === this.store.state.viewed && !document.hidden) return;
    this.toasts.show({ text: label(face), detail: text, about: `notify-${id}`, offers: [{ name: 'View', run: () => this.view(id, true) }] });
  }

  private async create(): Promise<void> {
    const face = await this.actions.create();
    if (!face) return;
    this.store.dispatch({ type: 'told', face });
    this.view(face.id, true);
    this.closeDrawer();
  }

  private openActions(id: number, button: HTMLElement): void {
    openMenu(button, `Actions for face ${id}`, this.faceEntries(id).map(({ name, run, danger }) => ({ name, run, danger: danger ?? false })));
  }

  private faceEntries(id: number): (Entry & { danger?: boolean })[] {
    const face = this.store.state.faces[id];
    if (!face) return [];
    if (face.ended) return [{ name: 'Remove from the list', run: () => this.forget(id) }];
    const connected = live(this.store.state).includes(id);
    const clipboard = this.notebook.face(id, face.created).clipboard;
    return [
      { name: 'Rename\u2026', run: () => void this.actions.rename(face) },
      connected ? { name: 'Disconnect', run: () => this.views.disconnect(id) } : { name: 'Reconnect', run: () => void this.views.connect(id, true) },
      { name: 'Copy link', run: () => void this.actions.copyLink(face) },
      { name: 'Share read-only link\u2026', run: () => void this.actions.share(face) },
      clipboard === 'ask'
        ? { name: 'Let it write to the clipboard', run: () => this.notebook.changeFace(id, face.created, { clipboard: 'allow' }) }
        : { name: 'Ask before it writes to the clipboard', run: () => this.notebook.changeFace(id, face.created, { clipboard: 'ask' }) },
      { name: 'End\u2026', danger: true, run: () => void this.actions.end(this.store.state.faces[id] ?? face) },
    ];
  }

  private openPalette(): void {
    const { state } = this.store;
    const viewed = state.viewed === null ? undefined : state.faces[state.viewed];
    const of = viewed ? label(viewed) : '';
    const other = ordered(state).filter((face) => face.id !== state.viewed);
    openPalette([
      ...other.map((face) => ({ name: `Switch to ${label(face)}`, hint: face.lastLine.slice(0, 40) || face.kind, run: () => this.view(face.id, true) })),
      { name: 'New face', run: () => void this.create() },
      ...(viewed ? this.faceEntries(viewed.id).map((entry) => ({ name: entry.name.replace('\u2026', ''), hint: of, run: entry.run })) : []),
      { name: 'Find in the history', hint: 'Ctrl+Shift+F', run: () => this.run('find') },
      { name: 'Show matching lines only', hint: 'Ctrl+Shift+L', run: () => this.run('filter') },
      { name: 'Next face', hint: 'Ctrl+Shift+\u2192', run: () => this.run('next') },
      { name: 'Previous face', hint: 'Ctrl+Shift+\u2190', run: () => this.run('previous') },
      { name: 'Larger text', run: () => this.run('larger') },
      { name: 'Smaller text', run: () => this.run('smaller') },
      { name: 'Show or hide the list', hint: 'Ctrl+Shift+B', run: () => this.toggleSidebar() },
      { name: 'Light theme', run: () => this.changeSettings({ theme: 'light' }) },
      { name: 'Dark theme', run: () => this.changeSettings({ theme: 'dark' }) },
      { name: 'Theme as the system', run: () => this.changeSettings({ theme: 'system' }) },
      { name: 'Settings', run: () => this.openSettings() },
    ]);
  }

  /** The page's keys beside the terminal, which sees to its own: who is in the list gets out of it by them. */
  private pressed(event: KeyboardEvent): void {
    if (event.defaultPrevented || (event.target instanceof Element && event.target.closest('.xterm'))) return;
    const named = command(event, mac);
    if (named === null || named === 'copy' || named === 'paste') return;
    event.preventDefault();
    this.run(named);
  }

  private run(command: Command): void {
    const view = this.views.viewed;
    switch (command) {
      case 'next':
      case 'previous': {
        const id = neighbour(this.store.state, command === 'next' ? 1 : -1);
        if (id !== null) this.view(id, true);
        return;
      }
      case 'palette': return this.openPalette();
      case 'find': return view ? this.find.open() : undefined;
      case 'filter': return view ? this.filter.open() : undefined;
      case 'sidebar': return this.reachSidebar();
      case 'copy': return void (view && copy(view.terminal.term.getSelection()).then((done) => done || this.toasts.show({ text: 'The browser did not allow copying', tone: 'bad' })));
      case 'larger': return this.zoom((size) => size + 1);
      case 'smaller': return this.zoom((size) => size - 1);
      case 'usual': return this.zoom(() => null);
      case 'paste': return;
    }
  }

  private zoom(change: (size: number) => number | null): void {
    const view = this.views.viewed;
    if (!view) return;
    const size = change(this.notebook.face(view.face.id, view.face.created).fontSize ?? this.notebook.memory.fontSize);
    this.rememberViewed({ fontSize: size === null ? null : Math.min(32, Math.max(8, size)) });
    this.views.relook();
  }

  private openSettings(): void {
    openSettings(this.notebook.memory, this.views.limit, (change) => this.changeSettings(change));
  }

  private changeSettings(change: Partial<Memory>): void {
    this.notebook.change(change);
    apply(this.notebook.memory.theme);
    this.views.relook();
  }

  private rememberViewed(change: Partial<FaceMemory>): void {
    const view = this.views.viewed;
    if (view) this.notebook.changeFace(view.face.id, view.face.created, change);
  }

  private scrolled(id: number): void {
    if (id !== this.store.state.viewed) return;
    this.filter.printed();
    this.stage.newLines(this.views.viewed);
    this.scrollSaving ??= setTimeout(() => this.saveScroll(), 500);
  }

  private saveScroll(): void {
    clearTimeout(this.scrollSaving);
    this.scrollSaving = undefined;
    const view = this.views.viewed;
    if (!view || view.face.created === '') return;
    const { scrolled } = view.terminal;
    if (this.notebook.face(view.face.id, view.face.created).scrolled !== scrolled) this.rememberViewed({ scrolled });
  }

  private network(online: boolean): void {
    this.store.dispatch({ type: 'online', online });
    this.views.tell(online ? 'online' : 'offline');
    if (online) this.stream.start();
    else this.stream.stop();
  }

  private seenAgain(): void {
    const { viewed } = this.store.state;
    if (viewed !== null) this.store.dispatch({ type: 'viewing', id: viewed, now: Date.now() });
    this.again();
  }

  private again(): void {
    if (!this.store.state.online) return;
    this.stream.start();
    this.views.tell('resumed');
  }

  private focusTerminal(): void {
    if (!document.querySelector('dialog[open]')) this.views.viewed?.terminal.focus();
  }

  private reachSidebar(): void {
    if (this.sidebar.element.contains(document.activeElement)) {
      this.closeDrawer();
      return this.focusTerminal();
    }
    this.showSidebar(true);
    this.sidebar.focus();
  }

  private toggleSidebar(): void {
    const open = this.root.dataset['sidebar'] === 'open';
    this.showSidebar(!open);
    if (!narrow.matches) this.notebook.change({ sidebar: !open });
    if (!open && narrow.matches) this.sidebar.focus();
  }

  private showSidebar(open: boolean): void {
    this.root.dataset['sidebar'] = open ? 'open' : 'closed';
    this.root.querySelector('.toggle-sidebar')?.setAttribute('aria-expanded', String(open));
  }

  private closeDrawer(): void {
    if (narrow.matches) this.showSidebar(false);
  }

  /** Keeps the page within what a phone's keyboard leaves of the window. */
  private fitViewport(): void {
    const viewport = visualViewport;
    if (!viewport || viewport.scale > 1.01) return;
    document.documentElement.style.setProperty('--page-height', `${viewport.height}px`);
    document.documentElement.style.setProperty('--page-top', `${viewport.offsetTop}px`);
  }
}

/** How a face's connection stands, for tests and scripts in the browser's console. */
export function standing(app: App, id: number): string {
  return (app.store.state.connections[id] ?? UNCONNECTED).status;
}
