// What a paste holds before it reaches a face, and what typed data is really a terminal's reply. Pure.

/** More lines than this are asked about. */
export const PASTE_LINES_MAX = 5;

/** What was found in a paste. */
export interface Pasted {
  /** The text without what would end a bracketed paste early. */
  readonly text: string;
  readonly lines: number;
  /** How many control characters it holds, tabs and line ends apart. */
  readonly controls: number;
}

/** Looks at a paste. */
export function inspect(raw: string): Pasted {
  const text = unbracket(raw);
  const controls = text.match(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g)?.length ?? 0;
  const body = text.replace(/(\r\n|\r|\n)+$/, '');
  return { text, lines: body === '' ? 0 : body.split(/\r\n|\r|\n/).length, controls };
}

/** Whether a person should see it before a program does. */
export function doubtful(pasted: Pasted): boolean {
  return pasted.controls > 0 || pasted.lines > PASTE_LINES_MAX;
}

/** The text without control characters. */
export function harmless(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, '');
}

/** Control characters made visible, for the question: ^C, ^[ and the like. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, (c) => `^${String.fromCharCode(c.charCodeAt(0) ^ 0x40)}`)
    .replace(/[\u0080-\u009f]/g, (c) => `<${c.charCodeAt(0).toString(16)}>`);
}

/** Whether data a terminal hands out is its answer to a program rather than typed; the server answers, never the page. */
export function isReply(data: string): boolean {
  return /^\x1b(\[[?>=][\d;]*c|\[\??[\d;]*\$y|\[0n|\[[468];\d+;\d+t|\][\d;]+;rgb:[^\x07\x1b]*(\x07|\x1b\\)|P[01]\$r[^\x1b]*\x1b\\)$/.test(data);
}

function unbracket(raw: string): string {
  let text = raw;
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replace(/(\x1b\[|\x9b)20[01]~/g, '');
  }
  return text;
}
