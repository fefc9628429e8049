// Find and filter over one face's history: two bars and the list of matching lines. What was typed is the
// face's own and comes and goes with it.

import { el, iconButton, set, write } from './dom';
import { type Match, compile, filter } from './lines';
import type { FaceMemory } from './remember';
import type { FaceTerminal } from './terminal';
import { findColours } from './theme';

/** What the bars tell the page. */
export interface FindEvents {
  remember(change: Partial<Pick<FaceMemory, 'search' | 'filter'>>): void;
  closed(): void;
}

/** How long typing may pause before the history is read again, in milliseconds. */
const SETTLE = 120;
/** How often the filter follows a running face, in milliseconds. */
const REFRESH = 400;

/** Find: marks and walks through matches. */
export class FindBar {
  readonly element: HTMLElement;
  private readonly input = el('input', { type: 'search', class: 'find-input', placeholder: 'Find', 'aria-label': 'Find in the history', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' });
  private readonly count = el('span', { class: 'find-count', role: 'status', 'aria-live': 'polite' });
  private readonly matchCase: HTMLButtonElement;
  private readonly regex: HTMLButtonElement;
  private terminal: FaceTerminal | null = null;

  constructor(private readonly events: FindEvents) {
    this.matchCase = toggle('Aa', 'Match case', () => this.changed());
    this.regex = toggle('.*', 'Regular expression', () => this.changed());
    this.element = el('div', { class: 'find', role: 'search', 'aria-label': 'Find', hidden: true },
      this.input, this.count, this.matchCase, this.regex,
      iconButton('up', 'Previous match', () => this.walk(-1)),
      iconButton('down', 'Next match', () => this.walk(1)),
      iconButton('close', 'Close find', () => this.close()));
    this.input.addEventListener('input', () => this.changed());
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
      else if (event.key === 'Enter' && event.target === this.input) this.walk(event.shiftKey ? 1 : -1);
      else return;
      event.preventDefault();
    });
  }

  /** Belongs to this face from now on, with what it remembers. */
  bind(terminal: FaceTerminal | null, memory: FaceMemory): void {
    if (this.terminal && this.terminal !== terminal) this.terminal.search.clearDecorations();
    this.terminal = terminal;
    this.input.value = memory.search.text;
    press(this.matchCase, memory.search.matchCase);
    press(this.regex, memory.search.regex);
    write(this.count, '');
    if (!this.element.hidden && this.input.value) this.look(true);
  }

  open(): void {
    this.element.hidden = false;
    const selected = this.terminal?.term.getSelection() ?? '';
    if (selected && !selected.includes('\n')) {
      this.input.value = selected;
      this.changed();
    } else if (this.input.value) this.look(true);
    this.input.focus();
    this.input.select();
  }

  close(): void {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.terminal?.search.clearDecorations();
    this.events.closed();
  }

  found(index: number, count: number): void {
    write(this.count, this.input.value === '' ? '' : count === 0 ? 'None' : index < 0 ? `${count}` : `${index + 1} of ${count}`);
  }

  private changed(): void {
    this.events.remember({ search: { text: this.input.value, regex: pressed(this.regex), matchCase: pressed(this.matchCase) } });
    if (this.input.value) this.look(true);
    else {
      this.terminal?.search.clearDecorations();
      this.terminal?.term.clearSelection();
      write(this.count, '');
    }
  }

  private look(incremental: boolean): void {
    const options = this.options(incremental);
    if (options) this.terminal?.search.findPrevious(this.input.value, options);
  }

  private walk(direction: 1 | -1): void {
    const options = this.options(false);
    if (!options || !this.input.value) return;
    if (direction > 0) this.terminal?.search.findNext(this.input.value, options);
    else this.terminal?.search.findPrevious(this.input.value, options);
  }

  private options(incremental: boolean): Parameters<FaceTerminal['search']['findNext']>[1] | null {
    const regex = pressed(this.regex);
    if (regex && typeof compile(this.input.value) === 'string') {
      write(this.count, 'Not valid');
      return null;
    }
    return { regex, caseSensitive: pressed(this.matchCase), incremental, decorations: findColours(document.documentElement.dataset['theme'] === 'dark') };
  }
}

/** Filter: only the lines that match, over the terminal. */
export class FilterPanel {
  readonly element: HTMLElement;
  private readonly input = el('input', { type: 'search', class: 'find-input', placeholder: 'Show lines matching\u2026', 'aria-label': 'Regular expression of the lines to show', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' });
  private readonly count = el('span', { class: 'find-count', role: 'status', 'aria-live': 'polite' });
  private readonly list = el('ol', { class: 'matches', tabindex: 0, 'aria-label': 'Matching lines' });
  private terminal: FaceTerminal | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly events: FindEvents) {
    this.element = el('section', { class: 'filter', 'aria-label': 'Matching lines of the history', hidden: true },
      el('div', { class: 'filter-head' }, this.input, this.count, iconButton('close', 'Show all lines', () => this.close(true))),
      this.list);
    this.input.addEventListener('input', () => {
      events.remember({ filter: this.input.value });
      this.soon(SETTLE);
    });
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      this.close(true);
    });
    this.list.addEventListener('click', (event) => {
      const row = (event.target as Element).closest<HTMLElement>('[data-row]')?.dataset['row'];
      if (row !== undefined) this.go(Number(row));
    });
  }

  /** Belongs to this face from now on; open when the face's filter was left on. */
  bind(terminal: FaceTerminal | null, memory: FaceMemory): void {
    this.terminal = terminal;
    this.input.value = memory.filter;
    this.element.hidden = memory.filter === '' || terminal === null;
    if (!this.element.hidden) this.refresh();
  }

  open(): void {
    this.element.hidden = false;
    this.input.focus();
    this.input.select();
    this.refresh();
  }

  /** The face printed: the list follows, not more often than it can be read. */
  printed(): void {
    if (!this.element.hidden && this.timer === undefined) this.soon(REFRESH);
  }

  close(forget: boolean): void {
    if (this.element.hidden) return;
    this.element.hidden = true;
    if (forget) {
      this.input.value = '';
      this.events.remember({ filter: '' });
    }
    this.events.closed();
  }

  private soon(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.refresh();
    }, delay);
  }

  private refresh(): void {
    if (!this.terminal || this.element.hidden) return;
    const expression = compile(this.input.value);
    set(this.input, { 'aria-invalid': typeof expression === 'string' ? 'true' : null });
    if (typeof expression === 'string') return write(this.count, expression);
    const { matches, total } = filter(this.terminal.lines(), expression);
    const atEnd = this.list.scrollTop + this.list.clientHeight >= this.list.scrollHeight - 4;
    this.list.replaceChildren(...matches.map(line));
    write(this.count, total > matches.length ? `last ${matches.length} of ${total} lines` : `${total} ${total === 1 ? 'line' : 'lines'}`);
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  private go(row: number): void {
    this.close(true);
    this.terminal?.term.scrollToLine(Math.max(0, row - 3));
    this.terminal?.term.select(0, row, this.terminal.term.cols);
  }
}

function line(match: Match): HTMLLIElement {
  return el('li', { 'data-row': match.row }, el('span', { class: 'match-number', 'aria-hidden': 'true' }, String(match.row + 1)),
    el('span', { class: 'match-text' }, match.text.slice(0, match.from), el('mark', {}, match.text.slice(match.from, match.to)), match.text.slice(match.to)));
}

function toggle(shown: string, name: string, changed: () => void): HTMLButtonElement {
  const button = el('button', { type: 'button', class: 'toggle', 'aria-pressed': 'false', 'aria-label': name, title: name }, shown);
  button.addEventListener('click', () => {
    press(button, !pressed(button));
    changed();
  });
  return button;
}

function pressed(button: HTMLElement): boolean {
  return button.getAttribute('aria-pressed') === 'true';
}

function press(button: HTMLElement, on: boolean): void {
  set(button, { 'aria-pressed': on ? 'true' : 'false' });
}
