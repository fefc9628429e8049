// What the page shows, as one immutable value, and the only ways it changes. Pure: time is an argument,
// nothing here touches the document, the network or the clock.

import type { Face } from './face';
import type { Certificate } from './wire';

/** How a face's connection stands, as shown. */
export type Status = 'connected' | 'connecting' | 'reconnecting' | 'disconnected' | 'error';

/** One face's connection as shown. */
export interface Connection {
  readonly status: Status;
  readonly error: string | null;
  readonly retry: number;
  /** When the next try is, in milliseconds; null when none is planned. */
  readonly nextAt: number | null;
  readonly streaming: boolean;
  readonly unread: number;
  /** When the face last printed or was typed into, as seen by this page. */
  readonly lastActivity: number;
  /** Disconnected to stay within the number of live connections. */
  readonly letGo: boolean;
  readonly leads: boolean;
  readonly drive: boolean;
}

/** OSC 9;4 as shown. */
export interface Progress {
  readonly state: 'normal' | 'error' | 'unknown' | 'paused';
  readonly percent: number;
}

/** How the server stands, as seen by the event stream. */
export type Server =
  | { readonly is: 'connecting' }
  | { readonly is: 'up' }
  | { readonly is: 'down'; readonly retry: number; readonly nextAt: number }
  | { readonly is: 'denied' };

/** What the server's configuration means for the page. */
export interface Limits {
  /** Live connections of one page. */
  readonly connections: number;
  /** An idle face ends after this many seconds; null when none does. */
  readonly idleSeconds: number | null;
}

/** All of it. */
export interface State {
  readonly viewed: number | null;
  readonly faces: Readonly<Record<number, Face>>;
  readonly connections: Readonly<Record<number, Connection>>;
  readonly bells: Readonly<Record<number, true>>;
  readonly progress: Readonly<Record<number, Progress>>;
  readonly server: Server;
  readonly online: boolean;
  readonly limits: Limits;
  /** Whether the list of faces has arrived once. */
  readonly listed: boolean;
}

/** What may happen to it. */
export type Action =
  | { type: 'listed'; faces: readonly Face[] }
  | { type: 'told'; face: Face }
  | { type: 'printed'; id: number; lastLine: string | null; now: number }
  | { type: 'quiet'; id: number }
  | { type: 'unread'; id: number; count: number }
  | { type: 'rang'; id: number }
  | { type: 'progressed'; id: number; progress: Progress | null }
  | { type: 'ended'; id: number; end: Certificate | null }
  | { type: 'removed'; id: number }
  | { type: 'linked'; id: number; change: Partial<Connection> }
  | { type: 'viewing'; id: number | null; now: number }
  | { type: 'server'; server: Server }
  | { type: 'online'; online: boolean }
  | { type: 'limits'; limits: Limits };

/** A page that knows nothing yet. */
export const EMPTY: State = {
  viewed: null, faces: {}, connections: {}, bells: {}, progress: {},
  server: { is: 'connecting' }, online: true, limits: { connections: 10, idleSeconds: null }, listed: false,
};

/** A face's connection before it has any. */
export const UNCONNECTED: Connection = {
  status: 'disconnected', error: null, retry: 0, nextAt: null, streaming: false, unread: 0,
  lastActivity: 0, letGo: false, leads: false, drive: true,
};

/** The most that is counted as unread; above it the badge says so. */
export const UNREAD_MAX = 1000;

/** The state after an action; the same object when nothing changed. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'listed':
      return listed(state, action.faces);
    case 'told':
      return { ...state, faces: { ...state.faces, [action.face.id]: keepEnd(state.faces[action.face.id], action.face) } };
    case 'printed':
      return printed(state, action.id, action.lastLine, action.now);
    case 'quiet':
      return connection(state, action.id, { streaming: false });
    case 'unread': {
      const had = state.connections[action.id]?.unread ?? 0;
      return connection(state, action.id, { unread: Math.min(UNREAD_MAX, had + action.count) });
    }
    case 'rang':
      return action.id === state.viewed || !state.faces[action.id] ? state : { ...state, bells: { ...state.bells, [action.id]: true } };
    case 'progressed':
      return { ...state, progress: action.progress ? { ...state.progress, [action.id]: action.progress } : without(state.progress, action.id) };
    case 'ended':
      return ended(state, action.id, action.end);
    case 'removed':
      return {
        ...state,
        viewed: state.viewed === action.id ? null : state.viewed,
        faces: without(state.faces, action.id),
        connections: without(state.connections, action.id),
        bells: without(state.bells, action.id),
        progress: without(state.progress, action.id),
      };
    case 'linked':
      return state.faces[action.id] ? connection(state, action.id, action.change) : state;
    case 'viewing':
      return viewing(state, action.id, action.now);
    case 'server':
      return { ...state, server: action.server };
    case 'limits':
      return { ...state, limits: action.limits };
    case 'online':
      return state.online === action.online ? state : { ...state, online: action.online };
  }
}

/** Holds the state and tells who asked when it changed, at most once per turn of the event loop. */
export class Store {
  private current: State = EMPTY;
  private readonly watchers = new Set<(state: State) => void>();
  private told = true;

  get state(): State {
    return this.current;
  }

  dispatch(action: Action): void {
    const next = reduce(this.current, action);
    if (next === this.current) return;
    this.current = next;
    if (!this.told) return;
    this.told = false;
    queueMicrotask(() => {
      this.told = true;
      for (const watcher of this.watchers) watcher(this.current);
    });
  }

  watch(watcher: (state: State) => void): void {
    this.watchers.add(watcher);
  }
}

/** The faces in the order they are shown: by id, side channels under their parents. */
export function ordered(state: State): Face[] {
  const all = Object.values(state.faces).sort((a, b) => a.id - b.id);
  const under = (parent: Face): Face[] => [parent, ...all.filter((face) => face.parent === parent.id && face.id !== parent.id).flatMap(under)];
  const found = all.filter((face) => face.parent === null || !state.faces[face.parent] || face.parent === face.id).flatMap(under);
  // Parents in a circle are no one's children: they stand at the end rather than nowhere.
  return found.length === all.length ? found : [...found, ...all.filter((face) => !found.includes(face))];
}

/** The face before or after the viewed one in the order shown, around the ends. */
export function neighbour(state: State, direction: 1 | -1): number | null {
  const ids = ordered(state).map((face) => face.id);
  if (ids.length === 0) return null;
  const at = state.viewed === null ? -1 : ids.indexOf(state.viewed);
  if (at < 0) return ids[0] ?? null;
  return ids[(at + direction + ids.length) % ids.length] ?? null;
}

function listed(state: State, faces: readonly Face[]): State {
  const kept: Record<number, Face> = {};
  for (const face of Object.values(state.faces)) if (face.ended) kept[face.id] = face;
  for (const face of faces) kept[face.id] = keepEnd(state.faces[face.id], face);
  const here = (id: number): boolean => id in kept;
  return {
    ...state,
    listed: true,
    viewed: state.viewed !== null && here(state.viewed) ? state.viewed : null,
    faces: kept,
    connections: only(state.connections, here),
    bells: only(state.bells, here),
    progress: only(state.progress, here),
  };
}

function printed(state: State, id: number, lastLine: string | null, now: number): State {
  const face = state.faces[id];
  if (!face) return state;
  const had = state.connections[id] ?? UNCONNECTED;
  const line = lastLine ?? face.lastLine;
  const faces = line === face.lastLine ? state.faces : { ...state.faces, [id]: { ...face, lastLine: line, idleSeconds: 0 } };
  return { ...state, faces, connections: { ...state.connections, [id]: { ...had, streaming: true, lastActivity: now } } };
}

function ended(state: State, id: number, end: Certificate | null): State {
  const face = state.faces[id];
  if (!face) return state;
  const next = { ...state, faces: { ...state.faces, [id]: { ...face, ended: true, end: end ?? face.end } }, progress: without(state.progress, id) };
  return connection(next, id, { status: 'disconnected', streaming: false, retry: 0, nextAt: null, error: null, letGo: false });
}

function viewing(state: State, id: number | null, now: number): State {
  const next = { ...state, viewed: id, bells: id === null ? state.bells : without(state.bells, id) };
  return id === null || !state.faces[id] ? next : connection(next, id, { unread: 0, lastActivity: now });
}

function connection(state: State, id: number, change: Partial<Connection>): State {
  const had = state.connections[id] ?? UNCONNECTED;
  const keys = Object.keys(change) as (keyof Connection)[];
  if (state.connections[id] && keys.every((key) => had[key] === change[key])) return state;
  return { ...state, connections: { ...state.connections, [id]: { ...had, ...change } } };
}

function keepEnd(had: Face | undefined, face: Face): Face {
  return had?.ended && !face.ended ? { ...face, ended: true, end: had.end } : face;
}

function only<T>(record: Readonly<Record<number, T>>, keep: (id: number) => boolean): Record<number, T> {
  return Object.fromEntries(Object.entries(record).filter(([id]) => keep(Number(id))));
}

function without<T>(record: Readonly<Record<number, T>>, id: number): Readonly<Record<number, T>> {
  if (!(id in record)) return record;
  const { [id]: _, ...rest } = record;
  return rest;
}
