// Lets xterm.js live under `style-src 'self'`. It writes rules into <style> elements and true colours into style
// attributes; both are refused without 'unsafe-inline'. The same rules given through the object model are allowed,
// so these two ways, and no others, are led there. It must never widen what markup may do: it sees no markup.

/** Leads the two ways over; called once, before the first terminal. */
export function styleWithoutInline(): void {
  const create = document.createElement.bind(document);
  document.createElement = ((tag: string, options?: ElementCreationOptions): HTMLElement =>
    tag === 'style' ? rules(create('facemux-rules')) : create(tag, options)) as typeof document.createElement;
  Object.defineProperty(HTMLSpanElement.prototype, 'setAttribute', {
    configurable: true,
    value(this: HTMLSpanElement, name: string, value: string) {
      if (name === 'style') this.style.cssText = value;
      else Element.prototype.setAttribute.call(this, name, value);
    },
  });
}

/** An element that stands in for a <style>: its text becomes an adopted style sheet. */
function rules(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  element.hidden = true;
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}
