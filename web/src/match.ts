// Which commands a few typed letters mean, best first. Pure.

/** How well letters match a text: higher is better, null when they do not. */
export function score(typed: string, text: string): number | null {
  const letters = typed.toLowerCase().replace(/\s+/g, '');
  const within = text.toLowerCase();
  if (letters === '') return 0;
  const whole = within.indexOf(typed.toLowerCase().trim());
  if (whole >= 0) return 1000 - whole - (within[whole - 1] === undefined || within[whole - 1] === ' ' ? 0 : 200);
  let at = -1;
  let gaps = 0;
  for (const letter of letters) {
    const found = within.indexOf(letter, at + 1);
    if (found < 0) return null;
    if (at >= 0) gaps += found - at - 1;
    at = found;
  }
  return 500 - gaps;
}

/** The items that match, best first, equals in their own order. */
export function rank<T>(typed: string, items: readonly T[], text: (item: T) => string): T[] {
  return items
    .map((item, order) => ({ item, order, score: score(typed, text(item)) }))
    .filter((entry): entry is { item: T; order: number; score: number } => entry.score !== null)
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .map((entry) => entry.item);
}
