// How a face looks in the sidebar and the tab strip: one pure function from the state to what is drawn.
// It owns the table of marks: a shape and a colour each, and the words for those who see neither.

import { type Face, ending, label } from './face';
import { type Progress, type State, UNCONNECTED } from './store';

/** The marks: ● ↻ ◐ ○ ✕ ★. */
export type Mark = 'connected' | 'streaming' | 'reconnecting' | 'disconnected' | 'error' | 'viewed';

/** A countdown to eviction is shown when less than this share of the limit is left, or ten minutes. */
const NEAR_EVICTION_SECONDS = 600;

/** One row. */
export interface Row {
  readonly id: number;
  readonly depth: number;
  /** The mark at the row's head: ★ when it is the viewed one. */
  readonly mark: Mark;
  /** How it stands, also where ★ is at the head. */
  readonly standing: Exclude<Mark, 'viewed'>;
  readonly label: string;
  readonly number: string;
  readonly kind: string;
  readonly source: 'live' | 'replay';
  readonly ended: boolean;
  /** How it stands in words, with its count or its error. */
  readonly status: string;
  /** Whether the words are worth a line of the row. */
  readonly telling: boolean;
  readonly preview: string;
  readonly unread: string;
  readonly bell: boolean;
  readonly progress: Progress | null;
  readonly others: number;
  readonly idle: string;
  readonly viewed: boolean;
  readonly note: string;
}

/** The row of a face at a time. */
export function row(state: State, face: Face, now: number): Row {
  const connection = state.connections[face.id] ?? UNCONNECTED;
  const viewed = state.viewed === face.id;
  const standing = standingOf(face, connection);
  // This page is among the viewers, or the server still counts it among them.
  const attached = connection.status === 'disconnected' || connection.status === 'error' ? 0 : 1;
  return {
    id: face.id,
    depth: depth(state, face),
    mark: viewed ? 'viewed' : standing,
    standing,
    label: label(face),
    number: face.name === null ? '' : String(face.id),
    kind: face.kind,
    source: face.source,
    ended: face.ended,
    status: statusText(face, connection, now),
    telling: face.ended || (standing !== 'connected' && standing !== 'streaming'),
    preview: face.lastLine || face.title || face.command,
    unread: viewed || connection.unread === 0 ? '' : connection.unread > 99 ? '99+' : String(connection.unread),
    bell: state.bells[face.id] === true,
    progress: state.progress[face.id] ?? null,
    others: face.ended ? 0 : Math.max(0, face.viewers - attached),
    idle: idle(face, state.limits.idleSeconds),
    viewed,
    note: face.note ?? '',
  };
}

/** The sentence a screen reader says for a row or a tab: its name first. */
export function spoken(row: Row): string {
  return `${row.label}${row.number ? ` #${row.number}` : ''} ${described(row)}`;
}

/** All of a row that its marks and badges say, in words. */
export function described(row: Row): string {
  const parts = [row.source === 'replay' ? 'replay' : row.kind, row.status];
  if (row.viewed) parts.push('viewed now');
  if (row.unread) parts.push(`${row.unread} unread`);
  if (row.bell) parts.push('rang its bell');
  if (row.progress) parts.push(`progress ${row.progress.percent} percent${row.progress.state === 'error' ? ', failed' : ''}`);
  if (row.others) parts.push(`${row.others} more ${row.others === 1 ? 'viewer' : 'viewers'}`);
  if (row.idle) parts.push(row.idle);
  return parts.filter(Boolean).join(', ');
}

/** A duration in the words of a countdown. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function standingOf(face: Face, connection: { status: string; streaming: boolean }): Exclude<Mark, 'viewed'> {
  if (face.ended) return 'disconnected';
  switch (connection.status) {
    case 'connected': return connection.streaming ? 'streaming' : 'connected';
    case 'connecting':
    case 'reconnecting': return 'reconnecting';
    case 'error': return 'error';
    default: return 'disconnected';
  }
}

function statusText(face: Face, connection: typeof UNCONNECTED, now: number): string {
  if (face.ended) return ending(face.end);
  switch (connection.status) {
    case 'connected': return connection.streaming ? 'streaming' : 'connected';
    case 'connecting': return 'connecting';
    case 'reconnecting': {
      const next = connection.nextAt === null ? '' : `, next try in ${duration((connection.nextAt - now) / 1000)}`;
      return connection.retry === 0 ? 'waiting for the network' : `reconnecting (${connection.retry})${next}`;
    }
    case 'error': return connection.error ?? 'failed';
    default: return connection.letGo ? 'let go to make room' : 'disconnected';
  }
}

function idle(face: Face, limit: number | null): string {
  if (face.ended || limit === null || face.idleSeconds === 0) return '';
  const left = limit - face.idleSeconds;
  return left <= NEAR_EVICTION_SECONDS ? `ends in ${duration(left)}` : '';
}

function depth(state: State, face: Face): number {
  let depth = 0;
  let parent = face.parent;
  while (parent !== null && state.faces[parent] && depth < 4 && parent !== face.id) {
    depth += 1;
    parent = state.faces[parent]?.parent ?? null;
  }
  return depth;
}
