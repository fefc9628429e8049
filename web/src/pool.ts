// Which faces hold a live connection when not all can: a pure choice. It never closes anything itself.

import { ordered, type State } from './store';

/** A face that printed or was typed into within this time, in milliseconds, is busy. */
export const BUSY_WITHIN = 10_000;

/** What is to be done to make room for one more. */
export type Room =
  | { is: 'free' }
  | { is: 'let-go'; id: number }
  | { is: 'ask'; among: number[] };

/** The faces that hold or are getting a connection. */
export function live(state: State): number[] {
  return Object.entries(state.connections)
    .filter(([, connection]) => connection.status === 'connected' || connection.status === 'connecting' || connection.status === 'reconnecting')
    .map(([id]) => Number(id));
}

/** How to make room for `id` when at most `limit` may be live. */
export function room(state: State, id: number, limit: number, now: number): Room {
  const others = live(state).filter((other) => other !== id);
  if (others.length < limit) return { is: 'free' };
  const among = others.filter((other) => other !== state.viewed).sort((a, b) => activity(state, a) - activity(state, b));
  const idle = among.find((other) => !state.connections[other]?.streaming && now - activity(state, other) >= BUSY_WITHIN);
  if (idle !== undefined) return { is: 'let-go', id: idle };
  return { is: 'ask', among };
}

/** Which faces to connect at start: the viewed one, then those that printed last, at most `limit`. */
export function atStart(state: State, limit: number): number[] {
  const living = ordered(state).filter((face) => !face.ended);
  const recent = [...living].sort((a, b) => b.lastOutput.localeCompare(a.lastOutput));
  const first = living.filter((face) => face.id === state.viewed);
  return [...first, ...recent.filter((face) => face.id !== state.viewed)].slice(0, limit).map((face) => face.id);
}

function activity(state: State, id: number): number {
  return state.connections[id]?.lastActivity ?? 0;
}
