// What the page knows of a face from the server's lists and events. It owns the reading of that JSON
// and the sanitising of every text in it; it must never trust a text enough to be markup.

import { type Certificate, decimal, decodeCertificate, isRecord } from './wire';

/** Where a face's output comes from. Recordings are faces too; today's server has live ones alone. */
export type Source = 'live' | 'replay';

/** One face as the server tells it. */
export interface Face {
  readonly id: number;
  readonly key: string;
  readonly source: Source;
  readonly sideChannel: boolean;
  readonly kind: string;
  readonly name: string | null;
  readonly parent: number | null;
  readonly user: string | null;
  readonly cols: number;
  readonly rows: number;
  readonly ended: boolean;
  readonly title: string;
  readonly command: string;
  readonly viewers: number;
  readonly created: string;
  readonly lastOutput: string;
  readonly lastLine: string;
  readonly idleSeconds: number;
  readonly busy: boolean | null;
  readonly note: string | null;
  readonly end: Certificate | null;
}

/** The longest text of a face shown anywhere, in characters. */
export const SHOWN_CHARS_MAX = 200;

/** Reads a face; null when it has no id. */
export function decodeFace(said: unknown): Face | null {
  if (!isRecord(said)) return null;
  const id = decimal(said['id']);
  if (id === null) return null;
  const key = typeof said['key'] === 'string' ? said['key'] : `live:${id}`;
  const size = isRecord(said['size']) ? said['size'] : {};
  const ended = said['state'] === 'ended' || isRecord(said['end']);
  return {
    id, key,
    source: key.startsWith('replay:') ? 'replay' : 'live',
    sideChannel: key.includes(':side-channel:'),
    kind: clean(said['kind']),
    name: typeof said['name'] === 'string' && said['name'] !== '' ? clean(said['name']) : null,
    parent: decimal(said['parent']),
    user: typeof said['user'] === 'string' ? clean(said['user']) : null,
    cols: decimal(size['cols']) || 80,
    rows: decimal(size['rows']) || 24,
    ended,
    title: clean(said['title']),
    command: clean(said['command']),
    viewers: decimal(said['viewers']) ?? 0,
    created: moment(said['created'], said['created_ms']),
    lastOutput: moment(said['last_output'], said['last_output_ms']),
    lastLine: clean(said['last_line']),
    idleSeconds: decimal(said['idle_seconds']) ?? 0,
    busy: typeof said['busy'] === 'boolean' ? said['busy'] : null,
    note: typeof said['note'] === 'string' ? clean(said['note']) : null,
    end: ended && isRecord(said['end']) ? decodeCertificate(said['end']) : null,
  };
}

/** Text from a face made fit to be shown on one line: no control, no invisible and no bidirectional characters. */
export function clean(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g, '')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, SHOWN_CHARS_MAX);
}

/** What a face is called: its name, else its number. */
export function label(face: Face): string {
  return face.name ?? String(face.id);
}

/** One line on how a face ended. */
export function ending(end: Certificate | null): string {
  if (!end) return 'ended';
  if (end.signal !== null) return `ended by signal ${end.signal}`;
  return end.code === null ? 'ended' : `ended with exit code ${end.code}`;
}

function moment(rfc3339: unknown, milliseconds: unknown): string {
  if (typeof rfc3339 === 'string') return rfc3339;
  const at = decimal(milliseconds);
  return at === null ? '' : new Date(at).toISOString();
}
