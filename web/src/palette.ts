// The command palette: type a few letters, Enter does it. It owns its dialog; what can be done comes from the page.

import { open } from './dialog';
import { el, set } from './dom';
import { rank } from './match';

/** One thing that can be done. */
export interface Entry {
  readonly name: string;
  readonly hint?: string;
  run(): void;
}

/** Shows the palette. */
export function openPalette(entries: readonly Entry[]): void {
  if (document.querySelector('dialog.palette')) return;
  const input = el('input', {
    type: 'text', class: 'palette-input', placeholder: 'What do you want to do?', role: 'combobox', 'aria-label': 'Command',
    'aria-expanded': 'true', 'aria-controls': 'palette-list', 'aria-autocomplete': 'list', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off',
  });
  const list = el('ul', { class: 'palette-list', id: 'palette-list', role: 'listbox', 'aria-label': 'Commands' });
  const none = el('p', { class: 'palette-none', role: 'status', hidden: true }, 'Nothing matches.');
  const dialog = el('dialog', { class: 'dialog palette', 'aria-label': 'Commands' }, input, list, none);
  let shown: Entry[] = [];
  let chosen = 0;
  const run = (entry: Entry | undefined): void => {
    if (!entry) return;
    dialog.close();
    entry.run();
  };
  const choose = (at: number): void => {
    chosen = shown.length ? (at + shown.length) % shown.length : 0;
    [...list.children].forEach((item, index) => set(item, { 'aria-selected': index === chosen ? 'true' : 'false' }));
    set(input, { 'aria-activedescendant': shown.length ? `palette-${chosen}` : null });
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  };
  const draw = (): void => {
    shown = rank(input.value, entries, (entry) => entry.name);
    list.replaceChildren(...shown.map((entry, at) => el('li', { role: 'option', id: `palette-${at}`, 'aria-selected': 'false', onclick: () => run(entry) },
      el('span', {}, entry.name), entry.hint ? el('span', { class: 'hint' }, entry.hint) : null)));
    none.hidden = shown.length > 0;
    list.hidden = shown.length === 0;
    choose(0);
  };
  input.addEventListener('input', draw);
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') choose(chosen + 1);
    else if (event.key === 'ArrowUp') choose(chosen - 1);
    else if (event.key === 'Enter') run(shown[chosen]);
    else return;
    event.preventDefault();
  });
  open(dialog, () => {});
  draw();
  input.focus();
}
