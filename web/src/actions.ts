// What a person can do with faces: new, rename, end, links. It asks what must be asked, calls the server, and says
// what went wrong; what follows arrives as events.

import { faceQuery } from './address';
import * as api from './api';
import { copy } from './clipboard';
import { ask } from './dialog';
import { el } from './dom';
import { type Face, label } from './face';
import type { Toasts } from './toasts';

/** A name of a face as the server takes it. */
const NAME = '(?=.*[A-Za-z._\\-])[A-Za-z0-9._\\-]{1,64}';
const NAME_RULE = 'Letters, digits, dots, dashes and underscores; not digits alone; at most 64.';

/** The actions. */
export class Actions {
  constructor(private readonly toasts: Toasts) {}

  /** Makes a face; null when it was not made. */
  async create(): Promise<Face | null> {
    const name = nameField('');
    const words = el('input', { type: 'text', placeholder: 'your shell', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' });
    const answer = await ask('New face', [
      el('label', { class: 'field' }, el('span', {}, 'Name (optional)'), name),
      el('label', { class: 'field' }, el('span', {}, 'Command (optional)'), words),
      el('p', { class: 'hint' }, NAME_RULE),
    ], [{ name: 'Cancel', value: false }, { name: 'Start', value: true, tone: 'primary' }]);
    if (!answer) return null;
    const line = words.value.trim();
    return this.attempt('The face was not started', () => api.create(name.value.trim(), line ? ['/bin/sh', '-c', line] : []));
  }

  async rename(face: Face): Promise<void> {
    const name = nameField(face.name ?? '');
    name.required = true;
    const answer = await ask(`Rename ${label(face)}`, [el('label', { class: 'field' }, el('span', {}, 'Name'), name), el('p', { class: 'hint' }, NAME_RULE)],
      [{ name: 'Cancel', value: false }, { name: 'Rename', value: true, tone: 'primary' }]);
    if (answer) await this.attempt('It was not renamed', () => api.rename(face.id, name.value.trim()));
  }

  /** Ends a face; asks first unless it is known that nothing but a waiting shell is in it. */
  async end(face: Face): Promise<void> {
    const waiting = face.busy === false || face.idleSeconds > 0;
    if (!waiting) {
      const answer = await ask(`End ${label(face)}?`, [
        el('p', {}, 'What runs in it is ended too, and everything it started:'),
        el('pre', { class: 'pasted' }, face.command || 'a shell'),
      ], [{ name: 'Cancel', value: false }, { name: 'End it', value: true, tone: 'danger' }]);
      if (!answer) return;
    }
    await this.attempt('It was not ended', () => api.end(face.id));
  }

  async copyLink(face: Face): Promise<void> {
    await this.give(new URL(faceQuery(face.id), location.href.split('?')[0]).href, 'Link copied', 'For those who may see this face.');
  }

  async share(face: Face): Promise<void> {
    const ttl = el('select', {}, ...[['1h', 'an hour'], ['24h', 'a day'], ['7d', 'a week']].map(([value, shown]) => el('option', { value: value ?? '' }, shown ?? '')));
    const answer = await ask(`Share ${label(face)}`, [
      el('p', {}, 'Whoever has the link sees this face, and cannot type into it.'),
      el('label', { class: 'field' }, el('span', {}, 'It works for'), ttl),
    ], [{ name: 'Cancel', value: false }, { name: 'Make a link', value: true, tone: 'primary' }]);
    if (!answer) return;
    const url = await this.attempt('No link was made', () => api.share(face.id, ttl.value));
    if (url) await this.give(url, 'Read-only link copied', `It works for ${ttl.selectedOptions[0]?.textContent ?? ttl.value}.`);
  }

  private async give(url: string, said: string, detail: string): Promise<void> {
    if (await copy(url)) return this.toasts.show({ text: said, detail, tone: 'good' });
    const field = el('input', { type: 'text', readonly: true, value: url, 'aria-label': 'Link' });
    const shown = ask('Copy this link', [el('label', { class: 'field' }, el('span', {}, detail), field)], [{ name: 'Done', value: true, tone: 'primary' }]);
    field.select();
    await shown;
  }

  private async attempt<T>(failed: string, doing: () => Promise<T>): Promise<T | null> {
    try {
      return await doing();
    } catch (error) {
      this.toasts.show({ text: failed, detail: error instanceof Error ? error.message : String(error), tone: 'bad' });
      return null;
    }
  }
}

function nameField(value: string): HTMLInputElement {
  return el('input', { type: 'text', value, pattern: NAME, maxlength: 64, title: NAME_RULE, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' });
}
