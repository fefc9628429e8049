import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from '../src/inbox';
import { INFLIGHT_BYTES_MAX, OUTBOX_BYTES_MAX, Outbox } from '../src/outbox';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A small generator of numbers, so that a failure can be seen again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % below;
  };
}

test('nothing can be resumed before a restore is whole', () => {
  const inbox = new Inbox();
  assert.equal(inbox.output(0, text('x')).is, 'gap');
  assert.equal(inbox.restore(50, true, false, text('a')).is, 'write');
  assert.equal(inbox.resume, null);
  assert.equal(inbox.output(50, text('x')).is, 'gap');
  const last = inbox.restore(50, false, true, text('b'));
  assert.deepEqual([last.is === 'write' && last.upto, inbox.resume], [50, 50]);
});

test('half a restore is none after the connection is lost', () => {
  const inbox = new Inbox();
  inbox.restore(5, true, true, text(''));
  inbox.restore(9, true, false, text('half'));
  inbox.disconnected();
  assert.equal(inbox.resume, null);
});

test('a piece of another restore is a gap', () => {
  const inbox = new Inbox();
  inbox.restore(5, true, false, text(''));
  assert.equal(inbox.restore(6, false, true, text('')).is, 'gap');
});

test('output cut and resent anywhere arrives once and in order', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const below = numbers(seed);
    const whole = Uint8Array.from({ length: 300 }, () => below(256));
    const inbox = new Inbox();
    inbox.restore(0, true, true, text(''));
    const got: number[] = [];
    for (let at = 0; at < whole.length;) {
      const from = Math.max(0, at - below(20));
      const to = Math.min(whole.length, from + 1 + below(40));
      const taken = inbox.output(from, whole.subarray(from, to));
      if (taken.is === 'write') got.push(...taken.bytes);
      assert.notEqual(taken.is, 'gap');
      at = inbox.resume ?? 0;
    }
    assert.deepEqual(got, [...whole]);
  }
});

test('typed bytes reach a server that loses connections once and in order', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const below = numbers(seed);
    const outbox = new Outbox();
    const typed: number[] = [];
    const server: number[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      const bytes = Uint8Array.from({ length: below(9) }, () => below(256));
      assert.ok(outbox.push(bytes));
      typed.push(...bytes);
      const piece = outbox.next(1 + below(6));
      const arrives = below(3) > 0;
      if (piece && arrives && piece.at <= server.length) server.push(...piece.bytes.subarray(server.length - piece.at));
      if (below(4) === 0) outbox.accepted(server.length);
      if (!arrives || below(5) === 0) outbox.reconnected(server.length);
    }
    outbox.reconnected(server.length);
    for (let piece = outbox.next(7); piece; piece = outbox.next(7)) {
      server.push(...piece.bytes.subarray(server.length - piece.at));
      outbox.accepted(server.length);
    }
    assert.deepEqual(server, typed);
    assert.equal(outbox.pending, 0);
  }
});

test('refused bytes are forgotten and what follows takes their place', () => {
  const outbox = new Outbox();
  outbox.push(text('keep'));
  outbox.push(text('lost'));
  outbox.next(100);
  assert.equal(outbox.refused(4), 4);
  outbox.push(text('new'));
  const piece = outbox.next(100);
  assert.deepEqual([piece?.at, new TextDecoder().decode(piece?.bytes)], [4, 'new']);
  assert.equal(outbox.refused(99), 0);
});

test('what is kept and what is under way have bounds', () => {
  const outbox = new Outbox();
  assert.equal(outbox.push(new Uint8Array(OUTBOX_BYTES_MAX + 1)), false);
  assert.ok(outbox.push(new Uint8Array(OUTBOX_BYTES_MAX)));
  let sent = 0;
  for (let piece = outbox.next(32 * 1024); piece; piece = outbox.next(32 * 1024)) sent += piece.bytes.length;
  assert.equal(sent, INFLIGHT_BYTES_MAX);
});
