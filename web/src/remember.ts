// What the page remembers over reloads: one versioned document in localStorage. It owns the form and its
// migrations; whatever it finds there, it answers with a whole, valid form.

import { isRecord } from './wire';

/** The version written now. Version 1 kept a face's search as a bare string and had no created stamp. */
export const VERSION = 2;
/** The name it is stored under. */
export const STORED_AS = 'facemux';
/** The most faces remembered; those viewed longest ago go first. */
export const FACES_MAX = 100;

/** Light, dark, or what the system prefers. */
export type ThemeChoice = 'system' | 'light' | 'dark';
/** What a face's OSC 52 writes may do. */
export type ClipboardRight = 'ask' | 'allow' | 'deny';

/** How one face is looked at. */
export interface FaceMemory {
  /** When the face was made: an id says little on another server under the same address. */
  readonly created: string;
  readonly search: { readonly text: string; readonly regex: boolean; readonly matchCase: boolean };
  /** How many lines above the end the view stands; 0 follows. */
  readonly scrolled: number;
  readonly filter: string;
  readonly fontSize: number | null;
  readonly clipboard: ClipboardRight;
  readonly used: number;
}

/** All that is remembered. */
export interface Memory {
  readonly version: number;
  readonly viewed: number | null;
  readonly sidebar: boolean;
  readonly theme: ThemeChoice;
  readonly fontSize: number;
  /** Live connections at once; null as the server says. */
  readonly connections: number | null;
  readonly scrollback: number;
  readonly pasteWarning: boolean;
  readonly cursorBlink: boolean;
  readonly screenReader: boolean;
  readonly faces: Readonly<Record<number, FaceMemory>>;
}

/** A page that was never opened here. */
export const FRESH: Memory = {
  version: VERSION, viewed: null, sidebar: true, theme: 'system', fontSize: 14, connections: null,
  scrollback: 10_000, pasteWarning: true, cursorBlink: false, screenReader: false, faces: {},
};

/** A face never looked at here. */
export const UNSEEN: FaceMemory = {
  created: '', search: { text: '', regex: false, matchCase: false }, scrolled: 0, filter: '',
  fontSize: null, clipboard: 'ask', used: 0,
};

/** Reads what was stored, of this or an earlier version. */
export function read(stored: string | null): Memory {
  let found: unknown = null;
  try {
    found = stored === null ? null : JSON.parse(stored);
  } catch {
    found = null;
  }
  if (!isRecord(found)) return FRESH;
  let form = found;
  for (let version = number(form['version'], 0, 0, 1e6); version < VERSION; version += 1) {
    const migrate = MIGRATIONS[version];
    form = migrate ? migrate(form) : form;
  }
  return valid(form);
}

/** What is stored, the oldest faces left out when there are too many. */
export function write(memory: Memory): string {
  const kept = Object.entries(memory.faces).sort(([, a], [, b]) => b.used - a.used).slice(0, FACES_MAX);
  return JSON.stringify({ ...memory, version: VERSION, faces: Object.fromEntries(kept) });
}

/** How a face made at `created` is looked at; empty while only its number is known. */
export function faceMemory(memory: Memory, id: number, created: string): FaceMemory {
  const known = memory.faces[id];
  return known && (known.created === created || known.created === '' || created === '') ? known : { ...UNSEEN, created };
}

/** The memory with one face's part changed. */
export function rememberFace(memory: Memory, id: number, created: string, change: Partial<FaceMemory>, now: number): Memory {
  return { ...memory, faces: { ...memory.faces, [id]: { ...faceMemory(memory, id, created), ...change, created: created || faceMemory(memory, id, created).created, used: now } } };
}

const MIGRATIONS: Record<number, (form: Record<string, unknown>) => Record<string, unknown>> = {
  1: (form) => {
    const faces = isRecord(form['faces']) ? form['faces'] : {};
    const moved = Object.entries(faces).map(([id, face]) => {
      const had = isRecord(face) ? face : {};
      return [id, { ...had, created: '', search: { text: text(had['search']), regex: false, matchCase: false } }];
    });
    return { ...form, faces: Object.fromEntries(moved) };
  },
};

function valid(form: Record<string, unknown>): Memory {
  const faces: Record<number, FaceMemory> = {};
  for (const [id, face] of Object.entries(isRecord(form['faces']) ? form['faces'] : {})) {
    if (/^[0-9]{1,16}$/.test(id) && isRecord(face)) faces[Number(id)] = validFace(face);
  }
  return {
    version: VERSION,
    viewed: typeof form['viewed'] === 'number' ? form['viewed'] : null,
    sidebar: flag(form['sidebar'], FRESH.sidebar),
    theme: oneOf(form['theme'], ['system', 'light', 'dark'], FRESH.theme),
    fontSize: number(form['fontSize'], FRESH.fontSize, 8, 32),
    connections: typeof form['connections'] === 'number' ? number(form['connections'], 10, 1, 64) : null,
    scrollback: number(form['scrollback'], FRESH.scrollback, 0, 250_000),
    pasteWarning: flag(form['pasteWarning'], FRESH.pasteWarning),
    cursorBlink: flag(form['cursorBlink'], FRESH.cursorBlink),
    screenReader: flag(form['screenReader'], FRESH.screenReader),
    faces,
  };
}

function validFace(face: Record<string, unknown>): FaceMemory {
  const search = isRecord(face['search']) ? face['search'] : {};
  return {
    created: text(face['created']),
    search: { text: text(search['text']).slice(0, 1000), regex: flag(search['regex'], false), matchCase: flag(search['matchCase'], false) },
    scrolled: number(face['scrolled'], 0, 0, 1e6),
    filter: text(face['filter']).slice(0, 1000),
    fontSize: typeof face['fontSize'] === 'number' ? number(face['fontSize'], FRESH.fontSize, 8, 32) : null,
    clipboard: oneOf(face['clipboard'], ['ask', 'allow', 'deny'], 'ask'),
    used: number(face['used'], 0, 0, Number.MAX_SAFE_INTEGER),
  };
}

function number(value: unknown, fallback: number, least: number, most: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(most, Math.max(least, Math.round(value))) : fallback;
}

function flag(value: unknown, fallback: boolean): boolean {
  return typeof value === 'boolean' ? value : fallback;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], fallback: T): T {
  return allowed.find((choice) => choice === value) ?? fallback;
}
