import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Face, clean, decodeFace } from '../src/face';
import { BUSY_WITHIN, atStart, room } from '../src/pool';
import { duration, row, spoken } from '../src/row';
import { type Action, type Connection, EMPTY, type State, UNREAD_MAX, neighbour, ordered, reduce } from '../src/store';
import { decodeCertificate } from '../src/wire';

function face(id: number, more: Record<string, unknown> = {}): Face {
  const made = decodeFace({ id, kind: 'web', state: 'running', size: { cols: 80, rows: 24 }, last_output: `2026-01-01T00:00:${String(id).padStart(2, '0')}Z`, ...more });
  assert.ok(made);
  return made;
}

function after(...actions: Action[]): State {
  return actions.reduce(reduce, EMPTY);
}

function linked(id: number, change: Partial<Connection>): Action {
  return { type: 'linked', id, change };
}

const shown = (state: State, id: number, now = 0): ReturnType<typeof row> => {
  const known = state.faces[id];
  assert.ok(known);
  return row(state, known, now);
};

test('each mark has its state', () => {
  const state = after(
    { type: 'listed', faces: [1, 2, 3, 4, 5, 6, 7].map((id) => face(id)) },
    linked(1, { status: 'connected' }), linked(2, { status: 'connected', streaming: true }),
    linked(3, { status: 'reconnecting', retry: 2, nextAt: 3000 }), linked(4, { status: 'disconnected', letGo: true }),
    linked(5, { status: 'error', error: 'not allowed' }), linked(6, { status: 'connected', unread: 3 }), linked(7, { status: 'connected' }),
    { type: 'viewing', id: 6, now: 0 }, { type: 'unread', id: 7, count: 120 },
  );
  assert.deepEqual([1, 2, 3, 4, 5, 6].map((id) => shown(state, id).mark), ['connected', 'streaming', 'reconnecting', 'disconnected', 'error', 'viewed']);
  assert.equal(shown(state, 3).status, 'reconnecting (2), next try in 3 s');
  assert.equal(shown(state, 4).status, 'let go to make room');
  assert.equal(shown(state, 5).status, 'not allowed');
  assert.deepEqual([shown(state, 6).unread, shown(state, 6).standing, shown(state, 7).unread], ['', 'connected', '99+']);
  assert.match(spoken(shown(state, 7)), /^7 web, connected, 99\+ unread$/);
});

test('viewing clears unread and the bell; a bell of the viewed face is not kept', () => {
  const state = after({ type: 'listed', faces: [face(1), face(2)] }, { type: 'rang', id: 1 }, { type: 'unread', id: 1, count: 4 }, { type: 'viewing', id: 1, now: 5 }, { type: 'rang', id: 1 });
  assert.deepEqual([state.bells, state.connections[1]?.unread], [{}, 0]);
});

test('unread has an end', () => {
  assert.equal(after({ type: 'listed', faces: [face(1)] }, { type: 'unread', id: 1, count: 1e9 }).connections[1]?.unread, UNREAD_MAX);
});

test('side channels stand under their parents, whatever their number', () => {
  const state = after({ type: 'listed', faces: [face(1), face(2), face(3, { parent: 1, key: 'live:side-channel:1' }), face(4, { parent: 99 })] });
  assert.deepEqual(ordered(state).map((known) => known.id), [1, 3, 2, 4]);
  assert.deepEqual([shown(state, 3).depth, shown(state, 4).depth], [1, 0]);
  const circle = after({ type: 'listed', faces: [face(1, { parent: 2 }), face(2, { parent: 1 }), face(3)] });
  assert.deepEqual(ordered(circle).map((known) => known.id), [3, 1, 2]);
});

test('next and previous go around', () => {
  const state = after({ type: 'listed', faces: [face(1), face(2), face(3)] }, { type: 'viewing', id: 3, now: 0 });
  assert.deepEqual([neighbour(state, 1), neighbour(state, -1)], [1, 2]);
  assert.equal(neighbour(EMPTY, 1), null);
});

test('an ended face keeps its certificate when the list still has it as living', () => {
  const end = decodeCertificate({ reason: 'exited', code: 3 });
  const state = after({ type: 'listed', faces: [face(1)] }, linked(1, { status: 'connected' }), { type: 'ended', id: 1, end }, { type: 'told', face: face(1) });
  assert.deepEqual([state.faces[1]?.ended, shown(state, 1).status, shown(state, 1).mark], [true, 'ended with exit code 3', 'disconnected']);
});

test('a list takes away what is not in it, but for the ended', () => {
  const state = after({ type: 'listed', faces: [face(1), face(2), face(3)] }, { type: 'viewing', id: 2, now: 0 }, { type: 'ended', id: 3, end: null }, { type: 'listed', faces: [face(1)] });
  assert.deepEqual([Object.keys(state.faces), state.viewed], [['1', '3'], null]);
});

test('what changes nothing is the same state', () => {
  const state = after({ type: 'listed', faces: [face(1)] }, linked(1, { status: 'connected' }));
  assert.equal(reduce(state, linked(1, { status: 'connected' })), state);
  assert.equal(reduce(state, linked(9, { status: 'connected' })), state);
  assert.equal(reduce(state, { type: 'online', online: true }), state);
});

test('a countdown to eviction is shown when it is near', () => {
  const state = after({ type: 'listed', faces: [face(1, { idle_seconds: 86_100 }), face(2, { idle_seconds: 60 })] }, { type: 'limits', limits: { connections: 10, idleSeconds: 86_400 } });
  assert.deepEqual([shown(state, 1).idle, shown(state, 2).idle], ['ends in 5 min', '']);
  assert.deepEqual([duration(0), duration(59), duration(61), duration(7200)], ['0 s', '59 s', '1 min', '2 h']);
});

test('texts of faces are shown without control, invisible and bidirectional characters', () => {
  assert.equal(clean('a\u001b[31mb\u202ec\u200bd\n\n e'), 'a [31mbcd e');
  assert.equal(clean('x'.repeat(900)).length, 200);
  assert.equal(face(1, { last_line: '\u0007<b>hi</b>' }).lastLine, '<b>hi</b>');
});

test('a replay is told apart by its key', () => {
  assert.deepEqual([face(1, { key: 'replay:1' }).source, face(1, { key: 'live:side-channel:4' }).sideChannel], ['replay', true]);
});

function crowd(now: number, activity: (id: number) => number, streaming: (id: number) => boolean): State {
  const ids = Array.from({ length: 11 }, (_, at) => at + 1);
  return after({ type: 'listed', faces: ids.map((id) => face(id)) }, { type: 'viewing', id: 1, now },
    ...ids.slice(0, 10).map((id) => linked(id, { status: 'connected', lastActivity: activity(id), streaming: streaming(id) })));
}

test('the oldest idle face that is not viewed is let go', () => {
  const now = 100_000;
  const state = crowd(now, (id) => (id === 1 ? 0 : id * 1000), (id) => id === 2);
  assert.deepEqual(room(state, 11, 10, now), { is: 'let-go', id: 3 });
  assert.deepEqual(room(state, 11, 11, now), { is: 'free' });
  assert.deepEqual(room(state, 5, 10, now), { is: 'free' });
});

test('when all are busy a person is asked', () => {
  const now = 100_000;
  const found = room(crowd(now, (id) => now - BUSY_WITHIN + id, () => false), 11, 10, now);
  assert.deepEqual(found, { is: 'ask', among: [2, 3, 4, 5, 6, 7, 8, 9, 10] });
});

test('at start the viewed face and those that printed last are connected', () => {
  const state = after({ type: 'listed', faces: [face(1), face(2), face(3), face(4, { state: 'ended' })] }, { type: 'viewing', id: 1, now: 0 });
  assert.deepEqual(atStart(state, 2), [1, 3]);
});
