// The one line across the top when the server or the network is away. It counts down only while it is shown.

import { drawIcon, el, set, write } from './dom';
import type { State } from './store';

/** The banner. */
export class Banner {
  readonly element = el('div', { class: 'banner', role: 'status', 'aria-live': 'polite', hidden: true });
  private readonly text = el('span', { class: 'banner-text' });
  private readonly count = el('span', { class: 'banner-count', 'aria-hidden': 'true' });
  private readonly button: HTMLButtonElement;
  private timer: ReturnType<typeof setInterval> | undefined;
  private nextAt: number | null = null;

  constructor(private readonly again: () => void) {
    this.button = el('button', { type: 'button', class: 'button small', onclick: () => this.act() }, 'Try now');
    this.element.append(drawIcon('reconnecting'), this.text, this.count, this.button);
  }

  update(state: State): void {
    const { server } = state;
    if (!state.online) this.show('offline', 'This device is offline. All faces reconnect as soon as the network is back.', null, false);
    else if (server.is === 'denied') this.show('denied', 'You are not signed in any more. Open a new link, or sign in again.', null, true);
    else if (server.is === 'down') this.show('down', 'The server cannot be reached. Your faces may still be running.', server.nextAt, true);
    else this.hide();
  }

  private act(): void {
    if (this.element.dataset['why'] === 'denied') location.reload();
    else this.again();
  }

  private show(why: string, text: string, nextAt: number | null, button: boolean): void {
    this.element.hidden = false;
    set(this.element, { 'data-why': why });
    write(this.text, text);
    write(this.button, why === 'denied' ? 'Sign in' : 'Try now');
    this.button.hidden = !button;
    this.nextAt = nextAt;
    this.tick();
    if (nextAt === null) clearInterval(this.timer);
    else if (this.timer === undefined) this.timer = setInterval(() => this.tick(), 500);
    if (nextAt === null) this.timer = undefined;
  }

  private hide(): void {
    if (this.element.hidden) return;
    this.element.hidden = true;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private tick(): void {
    const left = this.nextAt === null ? null : Math.ceil((this.nextAt - Date.now()) / 1000);
    write(this.count, left === null ? '' : left > 0 ? `Next try in ${left} s` : 'Trying\u2026');
  }
}
