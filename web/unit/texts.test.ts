import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowed, faceIn, faceQuery } from '../src/address';
import { command, sticky } from '../src/keys';
import { LINE_CHARS_MAX, MATCHES_MAX, compile, filter } from '../src/lines';
import { rank } from '../src/match';
import { doubtful, harmless, inspect, isReply, visible } from '../src/paste';
import { FACES_MAX, FRESH, VERSION, faceMemory, read, rememberFace, write } from '../src/remember';

test('links open by an allow-list of schemes', () => {
  assert.equal(allowed('https://example.org/a'), 'https://example.org/a');
  assert.equal(allowed('mailto:a@b.c'), 'mailto:a@b.c');
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'file:///etc/passwd', 'data:text/html,x', 'vbscript:x', 'ssh://host', 'no address', '//host/x', '']) assert.equal(allowed(bad), null, bad);
});

test('a face is named by digits alone', () => {
  assert.deepEqual([faceIn('?face=12'), faceIn('?face=x'), faceIn('?face=1e3'), faceIn(''), faceQuery(7)], [12, null, null, null, '?face=7']);
});

test('a paste with control characters or many lines is doubtful', () => {
  assert.equal(doubtful(inspect('one line\n')), false);
  assert.equal(doubtful(inspect('a\tb\r\nc')), false);
  assert.equal(doubtful(inspect('1\n2\n3\n4\n5\n6')), true);
  assert.deepEqual([inspect('a\u001b[0mb\u0003').controls, doubtful(inspect('rm\u0003'))], [2, true]);
  assert.equal(harmless('a\u001bb\u009bc\td\n'), 'abc\td\n');
  assert.equal(visible('\u001b\u007f\u0003\u009b'), '^[^?^C<9b>');
});

test('nothing in a paste ends its brackets early', () => {
  assert.equal(inspect('a\u001b[201~b\u009b201~c').text, 'abc');
  assert.equal(inspect('a\u001b[2\u001b[201~01~b').text, 'ab');
});

test('answers of a terminal are told from what is typed', () => {
  for (const reply of ['\x1b[?1;2c', '\x1b[>0;276;0c', '\x1b[0n', '\x1b[?2026;2$y', '\x1b]11;rgb:ffff/ffff/ffff\x07', '\x1b[8;24;80t', '\x1bP1$r0m\x1b\\']) assert.ok(isReply(reply), JSON.stringify(reply));
  for (const typed of ['c', '\x1b', '\x1b[A', '\x1b[1;2R', '\x1b[I', '\x1b[<0;3;4M', '\x1bc', '\x1b[200~\x1b[0n\x1b[201~', '\x1b[13;2u']) assert.ok(!isReply(typed), JSON.stringify(typed));
});

test('keys of the page need Ctrl and Shift, all others are the face\u2019s', () => {
  const key = (code: string, more: object = {}): Parameters<typeof command>[0] => ({ key: '', code, ctrlKey: true, shiftKey: true, altKey: false, metaKey: false, ...more });
  assert.equal(command(key('ArrowRight'), false), 'next');
  assert.equal(command(key('KeyF'), false), 'find');
  for (const plain of [key('KeyF', { shiftKey: false }), key('KeyF', { altKey: true }), key('KeyQ')]) assert.equal(command(plain, false), null);
  assert.equal(command(key('KeyK', { ctrlKey: false, shiftKey: false, metaKey: true }), true), 'palette');
});

test('sticky keys make what a keyboard would', () => {
  const made = (text: string, ctrl: boolean, alt: boolean): string => new TextDecoder().decode(sticky(new TextEncoder().encode(text), ctrl, alt));
  assert.deepEqual([made('c', true, false), made('C', true, false), made(' ', true, false), made('x', false, true), made('b', true, true)], ['\x03', '\x03', '\x00', '\x1bx', '\x1b\x02']);
  assert.deepEqual([made('\x1b[A', true, false), made('\x1bOD', false, true), made('\x1b[C', true, true)], ['\x1b[1;5A', '\x1b[1;3D', '\x1b[1;7C']);
  assert.equal(made('plain', false, false), 'plain');
});

test('the filter shows the last matching lines and counts all', () => {
  const lines = Array.from({ length: 5000 }, (_, row) => ({ row, text: `line ${row} ${row % 2 ? 'odd' : 'even'}` }));
  const expression = compile('odd$');
  assert.ok(expression instanceof RegExp);
  const { matches, total } = filter(lines, expression);
  assert.deepEqual([matches.length, total, matches.at(-1)?.row], [MATCHES_MAX, 2500, 4999]);
  assert.deepEqual([matches[0]?.text.slice(matches[0].from, matches[0].to)], ['odd']);
  assert.equal(typeof compile('('), 'string');
  assert.ok((compile('Error') as RegExp).flags === 'u' && (compile('error') as RegExp).flags === 'iu');
  assert.equal(filter([{ row: 0, text: 'x'.repeat(LINE_CHARS_MAX + 5) }], /x{2001}/).total, 0);
});

test('the palette puts whole words before scattered letters', () => {
  const names = ['Show or hide the list', 'New face', 'Next face', 'Find in the history'];
  assert.equal(rank('new', names, (name) => name)[0], 'New face');
  assert.deepEqual(rank('zzz', names, (name) => name), []);
  assert.deepEqual(rank('', names, (name) => name), names);
});

test('what is stored is read back, whole and valid', () => {
  const memory = rememberFace(FRESH, 3, 'then', { filter: 'err', scrolled: 7 }, 5);
  assert.deepEqual(read(write(memory)), memory);
  for (const broken of [null, '', '{', '[]', '"x"', '{"version":2,"fontSize":"big","faces":{"x":1,"4":null}}']) {
    assert.deepEqual(read(broken), FRESH);
  }
  assert.deepEqual([read('{"version":2,"fontSize":900,"connections":0}').fontSize, read('{"version":2,"connections":0}').connections], [32, 1]);
});

test('the first form is moved to the one of now', () => {
  const memory = read('{"version":1,"theme":"dark","viewed":4,"faces":{"4":{"search":"needle","filter":"x","fontSize":18}}}');
  assert.deepEqual([memory.version, memory.theme, memory.viewed], [VERSION, 'dark', 4]);
  assert.deepEqual(memory.faces[4]?.search, { text: 'needle', regex: false, matchCase: false });
  assert.equal(faceMemory(memory, 4, 'any').fontSize, 18);
});

test('a form of a later version is read as far as it is known', () => {
  assert.equal(read('{"version":99,"theme":"light"}').theme, 'light');
});

test('another face under the same number is a stranger', () => {
  const memory = rememberFace(FRESH, 3, 'then', { filter: 'mine' }, 5);
  assert.deepEqual([faceMemory(memory, 3, 'then').filter, faceMemory(memory, 3, 'now').filter], ['mine', '']);
});

test('faces looked at long ago are forgotten', () => {
  let memory = FRESH;
  for (let id = 1; id <= FACES_MAX + 5; id += 1) memory = rememberFace(memory, id, '', {}, id);
  const kept = Object.keys(read(write(memory)).faces);
  assert.deepEqual([kept.length, kept.includes('1'), kept.includes(String(FACES_MAX + 5))], [FACES_MAX, false, true]);
});
