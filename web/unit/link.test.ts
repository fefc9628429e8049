import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKOFF_MAX, IDLE, type Link, type LinkEffect, type LinkEvent, OPENING_MAX, PING_AFTER, PONG_WITHIN, backoff, deadline, step } from '../src/link';

/** Plays events at times and gathers what is to be done. */
function play(link: Link, ...events: [number, LinkEvent][]): { link: Link; effects: LinkEffect[] } {
  const effects: LinkEffect[] = [];
  for (const [now, event] of events) {
    const next = step(link, event, now, 0.5);
    link = next.link;
    effects.push(...next.effects);
  }
  return { link, effects };
}

const OPEN = play(IDLE, [0, { is: 'wanted' }], [1, { is: 'attached' }]).link;
const lost = (now: number, code = 1006): [number, LinkEvent] => [now, { is: 'closed', code, reason: '' }];

test('the delay doubles, is spread over its upper half and has an end', () => {
  assert.deepEqual([backoff(0, 0), backoff(0, 0.999), backoff(1, 0), backoff(2, 0)], [125, 250, 250, 500]);
  assert.equal(backoff(60, 0.99999), BACKOFF_MAX);
});

test('a lost connection is tried again after a delay that grows, and a good one starts over', () => {
  let { link } = play(OPEN, lost(1000));
  const delays: number[] = [];
  let now = 1000;
  for (let tries = 0; tries < 4; tries += 1) {
    const due = deadline(link);
    assert.ok(due !== null);
    delays.push(due - now);
    now = due;
    const opened = play(link, [now, { is: 'timer' }]);
    assert.deepEqual(opened.effects, ['open']);
    link = play(opened.link, lost(now)).link;
  }
  assert.deepEqual(delays, [188, 375, 750, 1500]);
  assert.equal(play(link, [now, { is: 'resumed' }], [now, { is: 'attached' }]).link.retry, 0);
});

test('what the server meant for good is not tried again', () => {
  for (const [code, over] of [[1000, 'ended'], [1008, 'denied'], [4404, 'missing'], [4410, 'gone'], [4001, 'kicked']] as const) {
    const { link, effects } = play(OPEN, lost(5, code));
    assert.deepEqual([link.phase.at === 'over' && link.phase.over, effects, deadline(link)], [over, [], null]);
    assert.deepEqual(play(link, [6, { is: 'online' }], [7, { is: 'resumed' }]).effects, []);
    assert.deepEqual(play(link, [8, { is: 'wanted' }]).effects, ['open']);
  }
});

test('who may not drive attaches again to look', () => {
  const { link, effects } = play(OPEN, lost(5, 4409));
  assert.deepEqual([link.drive, effects], [false, ['open']]);
});

test('silence is asked once a minute, and no answer is a loss', () => {
  assert.equal(deadline(OPEN), 1 + PING_AFTER);
  const asked = play(OPEN, [1 + PING_AFTER, { is: 'timer' }]);
  assert.deepEqual(asked.effects, ['ping']);
  assert.deepEqual(play(asked.link, [70_000, { is: 'heard' }]).effects, []);
  assert.equal(deadline(play(asked.link, [61_000, { is: 'heard' }]).link), 61_000 + PING_AFTER);
  const silent = play(asked.link, [1 + PING_AFTER + PONG_WITHIN, { is: 'timer' }]);
  assert.deepEqual([silent.effects, silent.link.phase.at], [['close'], 'waiting']);
});

test('coming back asks an open connection at once and does not wait for a closed one', () => {
  assert.deepEqual(play(OPEN, [500, { is: 'resumed' }], [501, { is: 'resumed' }]).effects, ['ping']);
  assert.deepEqual(play(OPEN, lost(10), [11, { is: 'resumed' }]).effects, ['open']);
});

test('offline closes and waits for the network alone', () => {
  const { link, effects } = play(OPEN, [5, { is: 'offline' }]);
  assert.deepEqual([effects, deadline(link)], [['close'], null]);
  assert.deepEqual(play(link, [9, { is: 'online' }]).effects, ['open']);
});

test('a handshake that hangs is given up', () => {
  const opening = play(IDLE, [0, { is: 'wanted' }]);
  const hung = play(opening.link, [OPENING_MAX, { is: 'timer' }]);
  assert.deepEqual([hung.effects, hung.link.phase.at, hung.link.retry], [['close'], 'waiting', 1]);
});

test('an early timer and a second wish change nothing', () => {
  assert.deepEqual(play(OPEN, [5, { is: 'timer' }], [6, { is: 'wanted' }]).effects, []);
  assert.deepEqual(play(OPEN, [5, { is: 'unwanted' }], lost(6)).link.phase, { at: 'idle' });
});
