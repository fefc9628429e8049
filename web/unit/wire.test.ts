import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, decodeCertificate, decodeControl, encodeAcknowledgement, encodeInput, encodeSaying } from '../src/wire';

const bytes = (...all: number[]): ArrayBuffer => Uint8Array.from(all).buffer;

test('output carries its offset', () => {
  const message = decode(bytes(1, 2, 1, 0, 0, 0, 0, 0, 0, 104, 105));
  assert.ok(message?.kind === 'output');
  assert.equal(message.offset, 258);
  assert.deepEqual([...message.bytes], [104, 105]);
});

test('a restore piece says its place and for which size it is', () => {
  const message = decode(bytes(2, 2, 1, 0, 0, 0, 0, 0, 0, 3, 44, 1, 24, 0, 65));
  assert.ok(message?.kind === 'restore');
  assert.deepEqual([message.offset, message.first, message.last, message.cols, message.rows, message.bytes.length], [258, true, true, 300, 24, 1]);
});

test('what is cut short, unknown or beyond exact numbers is refused', () => {
  for (const bad of [bytes(), bytes(1, 0), bytes(2, 0, 0, 0, 0, 0, 0, 0, 0, 1), bytes(9, 0), bytes(3, 123), bytes(1, 0, 0, 0, 0, 0, 0, 0, 255)]) {
    assert.equal(decode(bad), null);
  }
});

test('positions in JSON are decimal strings', () => {
  const attached = decodeControl('{"type":"attached","id":3,"key":"live:3","name":null,"cols":80,"rows":24,"offset":"9007199254740991","accepted":"7","drive":true,"title":""}');
  assert.ok(attached?.type === 'attached');
  assert.deepEqual([attached.offset, attached.accepted, attached.drive], [9007199254740991, 7, true]);
  assert.equal(decodeControl('{"type":"attached","cols":80,"rows":24,"offset":"x","accepted":"7"}'), null);
  assert.equal(decodeControl('{"type":"made up"}'), null);
  const said = JSON.parse(new TextDecoder().decode(encodeSaying({ type: 'attach', token: 'a', resume: 12, history: 1, cols: 2, rows: 3, drive: true }).subarray(1)));
  assert.equal(said.resume, '12');
});

test('input and acknowledgements are little-endian', () => {
  assert.deepEqual([...encodeInput(258, Uint8Array.of(97))], [1, 2, 1, 0, 0, 0, 0, 0, 0, 97]);
  assert.deepEqual([...encodeAcknowledgement(1)], [2, 1, 0, 0, 0, 0, 0, 0, 0]);
});

test('a certificate is read, whatever of it is there', () => {
  assert.equal(decodeCertificate(null).reason, 'It ended.');
  const end = decodeCertificate({ reason: 'killed', code: 137, signal: 9, by: 'owner', reaped: [[12, 'sleep'], { pid: 3, command: 'sh' }] });
  assert.deepEqual([end.code, end.signal, end.by, end.reaped], [137, 9, 'owner', ['sleep (12)', 'sh (3)']]);
});
