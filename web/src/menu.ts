// A small menu at a button: arrow keys move, Escape closes, focus comes back to the button.

import { el } from './dom';

/** One entry. */
export interface Entry {
  readonly name: string;
  readonly danger?: boolean;
  run(): void;
}

/** Opens a menu below or above a button. */
export function openMenu(button: HTMLElement, name: string, entries: readonly Entry[]): void {
  const menu = el('div', { class: 'menu', role: 'menu', 'aria-label': name });
  const close = (focus: boolean): void => {
    menu.remove();
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    if (focus) button.focus();
  };
  const outside = (event: Event): void => {
    if (event.target instanceof Node && !menu.contains(event.target)) close(false);
  };
  const items = entries.map((entry) => el('button', {
    type: 'button', role: 'menuitem', tabindex: -1, class: entry.danger ? 'danger' : '',
    onclick: () => { close(true); entry.run(); },
  }, entry.name));
  menu.append(...items);
  menu.addEventListener('keydown', (event) => {
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[to % items.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  button.setAttribute('aria-expanded', 'true');
  (button.closest('nav') ?? document.body).append(menu);
  const at = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const below = at.bottom + size.height + 8 < innerHeight;
  menu.style.left = `${Math.max(8, Math.min(at.right - size.width, innerWidth - size.width - 8))}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - size.height - 4)}px`;
  document.addEventListener('pointerdown', outside, true);
  items[0]?.focus();
}
