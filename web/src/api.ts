// The server's HTTP API and its event stream. It owns requests and the stream's reconnects, and turns what
// arrives into typed values; it must never change the page's state itself.

import { type Face, clean, decodeFace } from './face';
import { backoff } from './link';
import type { Limits, Progress } from './store';
import { type Certificate, decimal, decodeCertificate, isRecord } from './wire';

/** Why a request failed, in words for a person. */
export class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** What the event stream tells. */
export interface Events {
  listed(faces: Face[]): void;
  told(face: Face): void;
  printed(id: number, lastLine: string | null): void;
  rang(id: number): void;
  progressed(id: number, progress: Progress | null): void;
  notified(id: number, text: string): void;
  clipboard(id: number, base64: string): void;
  ended(id: number, end: Certificate): void;
  limits(limits: Limits): void;
  up(): void;
  down(retry: number, nextAt: number): void;
  denied(): void;
}

/** Makes a face; `command` as words, none for a shell. */
export async function create(name: string, command: string[]): Promise<Face> {
  const face = decodeFace(await ask('POST', 'api/v1/faces', { ...(name ? { name } : {}), ...(command.length ? { command } : {}) }));
  if (!face) throw new Refusal(0, 'The server answered with something that is no face.');
  return face;
}

/** Ends a face and all that descends from it. */
export async function end(id: number): Promise<void> {
  await ask('DELETE', `api/v1/faces/${id}`);
}

/** Gives a face a name. */
export async function rename(id: number, name: string): Promise<void> {
  await ask('PATCH', `api/v1/faces/${id}`, { name });
}

/** One face, also an ended one; null when there is none. */
export async function read(id: number): Promise<Face | null> {
  const response = await fetch(`api/v1/faces/${id}`, { headers: { Accept: 'application/json' } });
  if (response.status === 410 || response.ok) return decodeFace(await response.json().catch(() => null));
  if (response.status === 404) return null;
  throw new Refusal(response.status, `The server answered ${response.status}.`);
}

/** A link that lets others look at a face for a while. */
export async function share(id: number, ttl: string): Promise<string> {
  const said = await ask('POST', 'api/v1/tokens', { role: 'viewer', face: id, ttl });
  if (!isRecord(said) || typeof said['url'] !== 'string') throw new Refusal(0, 'The server answered without a link.');
  return new URL(said['url'], location.href).href;
}

/** A ticket for one WebSocket, where the cookie alone is not enough; null where none is given. */
export async function ticket(id: number): Promise<string | null> {
  try {
    const said = await ask('POST', 'api/v1/ws-ticket', { face: id });
    return isRecord(said) && typeof said['ticket'] === 'string' ? said['ticket'] : null;
  } catch {
    return null;
  }
}

/** The event stream, kept open for as long as the page is. */
export class EventStream {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private retry = 0;
  private open = false;

  constructor(private readonly events: Events) {}

  /** Opens it, now; what is open already stays. */
  start(): void {
    if (this.source && this.open) return;
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource('api/v1/events');
    this.source = source;
    source.onopen = () => this.opened();
    source.onerror = () => void this.lost();
    const on = (name: string, take: (said: unknown) => void): void => source.addEventListener(name, (event) => {
      try {
        take(JSON.parse((event as MessageEvent<string>).data));
      } catch {
        // An event this page cannot read changes nothing.
      }
    });
    on('limits', (said) => this.events.limits(limits(said)));
    on('faces', (said) => this.events.listed(list(said)));
    for (const name of ['created', 'changed']) on(name, (said) => this.tell(said));
    on('output', (said) => withId(said, (id, fields) => this.events.printed(id, typeof fields['last_line'] === 'string' ? clean(fields['last_line']) : null)));
    on('bell', (said) => withId(said, (id) => this.events.rang(id)));
    on('progress', (said) => withId(said, (id, fields) => this.events.progressed(id, progress(fields))));
    on('notify', (said) => withId(said, (id, fields) => this.events.notified(id, clean(fields['text']))));
    on('clipboard', (said) => withId(said, (id, fields) => this.events.clipboard(id, typeof fields['base64'] === 'string' ? fields['base64'] : '')));
    on('ended', (said) => withId(said, (id, fields) => this.events.ended(id, decodeCertificate(fields['end'] ?? fields))));
  }

  /** The network is gone: no tries until it is back. */
  stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.open = false;
  }

  private opened(): void {
    this.open = true;
    this.retry = 0;
    this.events.up();
  }

  private async lost(): Promise<void> {
    const before = this.source;
    this.stop();
    const denied = await fetch('api/v1/faces', { headers: { Accept: 'application/json' } }).then((response) => response.status === 401 || response.status === 403, () => false);
    if (this.source !== null || before === null) return;
    if (denied) return this.events.denied();
    const delay = backoff(this.retry, Math.random());
    this.retry += 1;
    this.events.down(this.retry, Date.now() + delay);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), delay);
  }

  private tell(said: unknown): void {
    const face = decodeFace(isRecord(said) && isRecord(said['face']) ? said['face'] : said);
    if (face) this.events.told(face);
  }
}

function list(said: unknown): Face[] {
  const all = Array.isArray(said) ? said : isRecord(said) && Array.isArray(said['faces']) ? said['faces'] : [];
  return all.map(decodeFace).filter((face): face is Face => face !== null);
}

function limits(said: unknown): Limits {
  const fields = isRecord(said) ? said : {};
  return { connections: decimal(fields['page_faces']) || 10, idleSeconds: decimal(fields['idle_timeout_seconds']) || null };
}

function progress(fields: Record<string, unknown>): Progress | null {
  const state = (['normal', 'error', 'unknown', 'paused'] as const).find((known) => known === fields['state']);
  return state ? { state, percent: Math.min(100, decimal(fields['percent']) ?? 0) } : null;
}

function withId(said: unknown, take: (id: number, fields: Record<string, unknown>) => void): void {
  if (!isRecord(said)) return;
  const id = decimal(said['id'] ?? said['face']);
  if (id !== null) take(id, said);
}

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const headers: Record<string, string> = { 'X-Facemux': '1', Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const response = await fetch(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    .catch(() => { throw new Refusal(0, 'The server cannot be reached.'); });
  const text = await response.text();
  if (!response.ok) throw new Refusal(response.status, sentence(text) || `The server answered ${response.status}.`);
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The sentence in an error's body, be it JSON or text. */
function sentence(body: string): string {
  try {
    const said: unknown = JSON.parse(body);
    if (isRecord(said)) return clean(said['error'] ?? said['message'] ?? said['reason']);
  } catch {
    // Not JSON: the text itself is the sentence.
  }
  return body.trimStart().startsWith('<') ? '' : clean(body);
}
