// Short notices in a corner: said once to screen readers, gone by themselves unless they ask something.

import { el, iconButton } from './dom';

/** How long a notice without a choice stays, in milliseconds. */
const STAYS = 7000;
/** The most shown at once; the oldest goes first. */
const SHOWN_MAX = 4;

/** What a notice offers. */
export interface Offer {
  readonly name: string;
  run(): void;
}

/** A notice. */
export interface Notice {
  readonly text: string;
  readonly detail?: string;
  readonly tone?: 'plain' | 'good' | 'bad';
  readonly offers?: readonly Offer[];
  /** Replaces an earlier notice of the same name. */
  readonly about?: string;
}

/** The corner they stand in. */
export class Toasts {
  readonly element = el('div', { class: 'toasts', role: 'region', 'aria-label': 'Notices' });
  private readonly polite = el('div', { class: 'toast-list', role: 'status', 'aria-live': 'polite' });
  private readonly named = new Map<string, HTMLElement>();

  constructor() {
    this.element.append(this.polite);
  }

  show(notice: Notice): void {
    if (notice.about) this.named.get(notice.about)?.remove();
    const toast = el('div', { class: `toast ${notice.tone ?? 'plain'}` },
      el('div', { class: 'toast-text' }, el('p', {}, notice.text), notice.detail ? el('p', { class: 'detail' }, notice.detail) : null));
    const gone = (): void => toast.remove();
    if (notice.offers?.length) {
      toast.querySelector('.toast-text')?.append(el('div', { class: 'offers' }, ...notice.offers.map((offer) =>
        el('button', { type: 'button', class: 'button small', onclick: () => { gone(); offer.run(); } }, offer.name))));
    }
    toast.append(iconButton('close', 'Dismiss', gone));
    this.polite.append(toast);
    if (notice.about) this.named.set(notice.about, toast);
    while (this.polite.childElementCount > SHOWN_MAX) this.polite.firstElementChild?.remove();
    if (!notice.offers?.length) this.expire(toast);
  }

  /** Takes back a notice by its name. */
  take(about: string): void {
    this.named.get(about)?.remove();
    this.named.delete(about);
  }

  private expire(toast: HTMLElement): void {
    const later = (): void => {
      setTimeout(() => (toast.matches(':hover, :focus-within') ? later() : toast.remove()), STAYS);
    };
    later();
  }
}
