// Where a link may lead and where a face lives: URLs in and out, no navigation. Pure.

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);

/** The address a link in a face may open; null when its scheme is not on the list or it is no address. */
export function allowed(uri: string): string | null {
  try {
    const url = new URL(uri);
    return SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** The face a query string names; null when it names none. */
export function faceIn(search: string): number | null {
  const named = new URLSearchParams(search).get('face');
  return named !== null && /^[0-9]{1,16}$/.test(named) ? Number(named) : null;
}

/** The query string of a face. */
export function faceQuery(id: number): string {
  return `?face=${id}`;
}
