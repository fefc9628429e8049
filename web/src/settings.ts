// The settings: what is remembered over all faces, as a form that takes effect at once.

import { show } from './dialog';
import { el } from './dom';
import { KEYS } from './keys';
import type { Memory } from './remember';

/** Shows the settings. */
export function openSettings(memory: Memory, connections: number, changed: (change: Partial<Memory>) => void): void {
  show('Settings',
    el('form', { class: 'settings' },
      select('Theme', memory.theme, [['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']], (theme) => changed({ theme: theme as Memory['theme'] })),
      count('Font size', memory.fontSize, 8, 32, 1, (fontSize) => changed({ fontSize })),
      count('Live connections', connections, 1, 64, 1, (limit) => changed({ connections: limit })),
      count('Lines of history kept in this page', memory.scrollback, 0, 250_000, 1000, (scrollback) => changed({ scrollback })),
      check('Ask before pasting control characters or many lines', memory.pasteWarning, (pasteWarning) => changed({ pasteWarning })),
      check('Blinking cursor', memory.cursorBlink, (cursorBlink) => changed({ cursorBlink })),
      check('Screen reader mode: the terminal\u2019s lines are read out', memory.screenReader, (screenReader) => changed({ screenReader }))),
    el('h3', {}, 'Keys'),
    el('dl', { class: 'keys' }, ...KEYS.flatMap(([keys, does]) => [el('dt', {}, keys), el('dd', {}, does)])));
}

function select(name: string, value: string, choices: readonly (readonly [string, string])[], changed: (value: string) => void): HTMLElement {
  const field = el('select', { onchange: () => changed(field.value) }, ...choices.map(([key, shown]) => el('option', { value: key, selected: key === value }, shown)));
  return el('label', { class: 'field' }, el('span', {}, name), field);
}

function count(name: string, value: number, least: number, most: number, by: number, changed: (value: number) => void): HTMLElement {
  const field = el('input', {
    type: 'number', value, min: least, max: most, step: by, inputmode: 'numeric',
    onchange: () => {
      const typed = Number(field.value);
      if (field.value !== '' && Number.isFinite(typed)) changed(Math.min(most, Math.max(least, Math.round(typed))));
    },
  });
  return el('label', { class: 'field' }, el('span', {}, name), field);
}

function check(name: string, value: boolean, changed: (value: boolean) => void): HTMLElement {
  const field = el('input', { type: 'checkbox', checked: value, onchange: () => changed(field.checked) });
  return el('label', { class: 'field check' }, field, el('span', {}, name));
}
