// Questions and small forms in a modal dialog: focus goes in, Escape goes out, focus comes back.

import { el, iconButton } from './dom';

/** A choice at the foot of a dialog. */
export interface Choice<T> {
  readonly name: string;
  readonly value: T;
  readonly tone?: 'primary' | 'danger';
}

/** Asks; null when the question was closed. */
export function ask<T>(title: string, body: readonly (Node | string)[], choices: readonly Choice<T>[], read?: (value: T) => T): Promise<T | null> {
  return new Promise((resolve) => {
    let answer: T | null = null;
    const form = el('form', { method: 'dialog' });
    const dialog = frame(title, form);
    const buttons = choices.map((choice, at) => el('button', {
      type: at === choices.length - 1 ? 'submit' : 'button', class: `button ${choice.tone ?? ''}`,
      onclick: (event: MouseEvent) => {
        event.preventDefault();
        if (!form.reportValidity() && choice.tone) return;
        answer = read ? read(choice.value) : choice.value;
        dialog.close();
      },
    }, choice.name));
    form.append(...body, el('div', { class: 'choices' }, ...buttons));
  // Typing comes first; where there is nothing to type, the choice that harms least.
  const first = form.querySelector<HTMLElement>('input, select') ?? (choices.some((choice) => choice.tone === 'danger') ? buttons[0] : buttons.at(-1));
  first?.setAttribute('autofocus', '');
    open(dialog, () => resolve(answer));
  });
}

/** A dialog with content of its own and nothing to answer. */
export function show(title: string, ...content: (Node | string)[]): { close(): void } {
  const dialog = frame(title, el('div', { class: 'content' }, ...content));
  open(dialog, () => {});
  return { close: () => dialog.close() };
}

/** Opens a dialog element and removes it when it closes; focus goes back where it was. */
export function open(dialog: HTMLDialogElement, closed: () => void): void {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.addEventListener('close', () => {
    dialog.remove();
    closed();
    if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus();
  });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.showModal();
}

function frame(title: string, content: HTMLElement): HTMLDialogElement {
  const heading = el('h2', { id: 'dialog-title' }, title);
  const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' });
  dialog.append(el('div', { class: 'dialog-head' }, heading, iconButton('close', 'Close', () => dialog.close())), content);
  return dialog;
}
