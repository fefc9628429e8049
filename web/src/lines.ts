// The filter: which lines of a face's history match a regular expression. Pure; the lines come in as text.

/** The most matching lines shown: more do not help a reader. */
export const MATCHES_MAX = 2000;
/** The longest part of a line that is looked at, in characters: a bound on what an expression may cost. */
export const LINE_CHARS_MAX = 2000;

/** A matching line: its row in the terminal's buffer, its text, and where in it the match is. */
export interface Match {
  readonly row: number;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** A regular expression from what was typed: ignoring case unless it has capitals; or why it is none. */
export function compile(typed: string): RegExp | string {
  try {
    return new RegExp(typed, typed === typed.toLowerCase() ? 'iu' : 'u');
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : 'not a regular expression';
  }
}

/** The last matching lines of those given, oldest first, and how many matched in all. */
export function filter(lines: Iterable<{ row: number; text: string }>, expression: RegExp): { matches: Match[]; total: number } {
  let matches: Match[] = [];
  let total = 0;
  for (const line of lines) {
    const text = line.text.slice(0, LINE_CHARS_MAX);
    const found = expression.exec(text);
    if (!found) continue;
    total += 1;
    matches.push({ row: line.row, text, from: found.index, to: found.index + found[0].length });
    if (matches.length >= 2 * MATCHES_MAX) matches = matches.slice(-MATCHES_MAX);
  }
  return { matches: matches.slice(-MATCHES_MAX), total };
}
