// Copying, also over plain http where the clipboard API is missing. It only ever writes: nothing reads the clipboard.

/** Copies text; false when the browser did not allow it. */
export async function copy(text: string): Promise<boolean> {
  if (navigator.clipboard && isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused, often for want of focus: the old way may still do.
    }
  }
  const back = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  area.setAttribute('aria-hidden', 'true');
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (back instanceof HTMLElement) back.focus();
  return copied;
}

/** The text of an OSC 52 write; null when it is no base64 or no text. */
export function decodeClipboard(base64: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
  } catch {
    return null;
  }
}
