// Elements made in one call, text always as text. It owns no state; it must never take markup.

type Handler = (event: never) => void;
type Props = Record<string, string | number | boolean | null | undefined | Handler>;

/** An element: `on…` props are listeners, `true` is an attribute without value, `false` and null leave it out. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: (Node | string | null)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, props);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** Sets attributes and listeners, touching only what differs. */
export function set(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as unknown as EventListener);
    else if (value === null || value === undefined || value === false) {
      if (element.hasAttribute(name)) element.removeAttribute(name);
    } else {
      const text = value === true ? '' : String(value);
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }
}

/** Sets an element's text, touching it only when it differs. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A button with an icon and a name for those who do not see it. */
export function iconButton(icon: IconName, name: string, onclick: () => void, props: Props = {}): HTMLButtonElement {
  return el('button', { type: 'button', class: 'icon-button', 'aria-label': name, title: name, onclick, ...props }, drawIcon(icon));
}

/** Keeps a list of elements equal to a list of keys: makes, orders and removes them, and leaves the others alone. */
export class Keyed<T extends { element: HTMLElement }> {
  readonly items = new Map<number, T>();

  constructor(private readonly parent: HTMLElement, private readonly make: (key: number) => T) {}

  update(keys: readonly number[]): void {
    const wanted = new Set(keys);
    for (const [key, item] of this.items) {
      if (wanted.has(key)) continue;
      item.element.remove();
      this.items.delete(key);
    }
    let after: Element | null = null;
    for (const key of keys) {
      let item = this.items.get(key);
      if (!item) this.items.set(key, item = this.make(key));
      const place: Element | null = after ? after.nextElementSibling : this.parent.firstElementChild;
      if (place !== item.element) this.parent.insertBefore(item.element, place);
      after = item.element;
    }
  }
}

/** The icons: drawn on a 16 by 16 grid in the colour of the text. */
export type IconName = keyof typeof ICONS;

const stroke = 'fill="none"';
const ICONS = {
  connected: ['M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z'],
  streaming: [stroke, 'M13 8a5 5 0 1 1-1.6-3.7', 'M13.2 1.8v3h-3'],
  reconnecting: [stroke, 'M8 3.4a4.6 4.6 0 1 0 0 9.2 4.6 4.6 0 0 0 0-9.2z', '!M8 3.4a4.6 4.6 0 0 0 0 9.2z'],
  disconnected: [stroke, 'M8 3.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8z'],
  error: [stroke, 'M4 4l8 8', 'M12 4l-8 8'],
  viewed: ['M8 1.6l1.9 4.1 4.4.5-3.3 3 .9 4.4L8 11.4l-3.9 2.2.9-4.4-3.3-3 4.4-.5z'],
  live: [stroke, '!M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z', 'M4.4 4.4a5 5 0 0 0 0 7.2', 'M11.6 4.4a5 5 0 0 1 0 7.2'],
  replay: ['M5 3.2v9.6L13 8z'],
  bell: [stroke, 'M4 11.5V7.3a4 4 0 0 1 8 0v4.2', 'M2.8 11.5h10.4', 'M6.8 13.6h2.4'],
  people: [stroke, 'M6 7.6a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6z', 'M1.9 13c.3-2.4 1.9-3.6 4.1-3.6s3.8 1.2 4.1 3.6', 'M10.6 3.4a2.1 2.1 0 0 1 0 3.9', 'M12 9.8c1.3.5 2 1.6 2.2 3.2'],
  plus: [stroke, 'M8 3v10', 'M3 8h10'],
  more: ['M3.2 6.8a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z', 'M8 6.8a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z', 'M12.8 6.8a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z'],
  search: [stroke, 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4z', 'M10.2 10.2l3.3 3.3'],
  filter: [stroke, 'M2 4h12', 'M4.5 8h7', 'M6.8 12h2.4'],
  command: [stroke, 'M3 5l3 3-3 3', 'M8 11.5h5'],
  settings: [stroke, 'M2 5h6', 'M12 5h2', 'M10 3.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z', 'M2 11h2', 'M8 11h6', 'M6 9.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z'],
  sidebar: [stroke, 'M2.5 3h11v10h-11z', 'M6.5 3v10'],
  close: [stroke, 'M4.2 4.2l7.6 7.6', 'M11.8 4.2l-7.6 7.6'],
  up: [stroke, 'M3.5 10L8 5.5l4.5 4.5'],
  down: [stroke, 'M3.5 6L8 10.5 12.5 6'],
  left: [stroke, 'M10 3.5L5.5 8l4.5 4.5'],
  right: [stroke, 'M6 3.5L10.5 8 6 12.5'],
  link: [stroke, 'M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.7.7', 'M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9a2.6 2.6 0 0 0 3.7 3.7l.7-.7'],
  theme: [stroke, 'M8 2.6a5.4 5.4 0 1 0 0 10.8 5.4 5.4 0 0 0 0-10.8z', '!M8 2.6a5.4 5.4 0 0 1 0 10.8z'],
} satisfies Record<string, string[]>;

const SVG = 'http://www.w3.org/2000/svg';

/** An icon as an element; decoration, hidden from screen readers. */
export function drawIcon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [attribute, value] of Object.entries({ viewBox: '0 0 16 16', class: 'icon', 'data-icon': name, 'aria-hidden': 'true', focusable: 'false' })) svg.setAttribute(attribute, value);
  const parts: readonly string[] = ICONS[name];
  const outlined = parts[0] === stroke;
  for (const part of outlined ? parts.slice(1) : parts) {
    const path = document.createElementNS(SVG, 'path');
    const filled = !outlined || part.startsWith('!');
    path.setAttribute('d', part.replace(/^!/, ''));
    path.setAttribute('class', filled ? 'fill' : 'line');
    svg.append(path);
  }
  return svg;
}
