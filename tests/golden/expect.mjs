// Shows a recording to xterm.js 6 and writes the screen in the forms of docs/json.md, so that what the
// model is held to was not made by the model.
//
//   node expect.mjs PACKAGES COLSxROWS RAW OUT     writes OUT.txt and OUT.json
//
// What xterm.js does not keep (kitty keyboard flags, modifyOtherKeys, modes 5 and 2031) is followed
// here with its parser hooks. History: the last 50 rows.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const [packages, size, raw, out] = process.argv.slice(2);
const require = createRequire(join(resolve(packages), "x.js"));
const { Terminal } = require("@xterm/headless");
const { Unicode11Addon } = require("@xterm/addon-unicode11");
const [cols, rows] = size.split("x").map(Number);
const HISTORY = 50;

const terminal = new Terminal({ cols, rows, allowProposedApi: true, scrollback: 10000, logLevel: "off" });
terminal.loadAddon(new Unicode11Addon());
terminal.unicode.activeVersion = "11";

let title = "";
terminal.onTitleChange((text) => (title = text));
const kitty = { normal: [], alternate: [] };
const flags = () => kitty[terminal.buffer.active.type];
let modifyOtherKeys = 0;
const extra = { 5: false, 2031: false };
const { parser } = terminal;
const hook = (id, action) => parser.registerCsiHandler(id, (params) => (action(params), false));
hook({ prefix: ">", final: "u" }, (p) => flags().push(p[0]));
hook({ prefix: "<", final: "u" }, (p) => flags().splice(-(p[0] || 1)));
hook({ prefix: ">", final: "m" }, (p) => p[0] === 4 && (modifyOtherKeys = p[1] ?? 0));
for (const [final, on] of [["h", true], ["l", false]])
  hook({ prefix: "?", final }, (p) => p.forEach((n) => n in extra && (extra[n] = on)));

await new Promise((done) => terminal.write(readFileSync(raw), done));

const core = terminal._core;
const links = core._oscLinkService;
const UNDERLINES = ["", "single", "double", "curly", "dotted", "dashed"];
const hex = (n) => "#" + n.toString(16).padStart(6, "0");

function style(cell) {
  const found = {};
  const color = (name, palette, rgb, value) => {
    if (palette) found[name] = value;
    else if (rgb) found[name] = hex(value);
  };
  color("fg", cell.isFgPalette(), cell.isFgRGB(), cell.getFgColor());
  color("bg", cell.isBgPalette(), cell.isBgRGB(), cell.getBgColor());
  const attributes = {
    bold: cell.isBold(), dim: cell.isDim(), italic: cell.isItalic(), blink: cell.isBlink(), inverse: cell.isInverse(),
    hidden: cell.isInvisible(), strike: cell.isStrikethrough(), overline: cell.isOverline(), protected: cell.isProtected(),
  };
  for (const [name, on] of Object.entries(attributes)) if (on) found[name] = true;
  const extended = cell.hasExtendedAttrs();
  // Its own accessors call every link underlined; the bits say what the program asked for.
  if (cell.fg & 0x10000000) {
    found.underline = UNDERLINES[(extended && (cell.extended._ext >>> 26) & 7) || 1];
  }
  if (extended && ~cell.extended.underlineColor) {
    color("underline_color", cell.isUnderlineColorPalette(), cell.isUnderlineColorRGB(), cell.getUnderlineColor());
  }
  const link = extended && cell.extended.urlId ? links.getLinkData(cell.extended.urlId) : undefined;
  if (link) {
    found.link = link.uri;
    if (link.id) found.link_id = link.id;
  }
  return found;
}

function row(line) {
  const runs = [];
  let cell;
  let key;
  for (let col = 0; col < line.length; col++) {
    cell = line.getCell(col, cell);
    if (cell.getWidth() === 0 && !cell.getChars()) continue;
    const text = cell.getChars() || " ";
    const look = style(cell);
    const mine = JSON.stringify(look);
    if (mine === key) runs.at(-1).text += text;
    else runs.push({ col, text, style: look });
    key = mine;
  }
  const last = runs.at(-1);
  if (last && JSON.stringify(last.style) === "{}") {
    last.text = last.text.replace(/ +$/, "");
    if (!last.text) runs.pop();
  }
  return { text: line.translateToString().replace(/ +$/, ""), wrapped: line.isWrapped, runs };
}

const { active, normal } = terminal.buffer;
const range = (buffer, from, to) => Array.from({ length: to - from }, (_, i) => row(buffer.getLine(from + i)));
const shown = range(active, active.baseY, active.baseY + rows);
const history = range(normal, Math.max(0, normal.baseY - HISTORY), normal.baseY);
const { modes } = terminal;
const decset = core.coreService.decPrivateModes;
const mouse = core.coreMouseService;
const MOUSE = { NONE: "off", X10: "x10", VT200: "vt200", DRAG: "drag", ANY: "any" };
const ENCODING = { DEFAULT: "default", SGR: "sgr", SGR_PIXELS: "sgr-pixels" };

const document = {
  size: { cols, rows },
  cursor: {
    col: Math.min(active.cursorX, cols - 1), row: active.cursorY, visible: !core.coreService.isCursorHidden,
    style: decset.cursorStyle ?? "block", blink: decset.cursorBlink ?? core.optionsService.rawOptions.cursorBlink,
    pending_wrap: active.cursorX >= cols,
  },
  modes: {
    alternate_screen: active.type === "alternate", application_cursor: modes.applicationCursorKeysMode,
    application_keypad: modes.applicationKeypadMode, bracketed_paste: modes.bracketedPasteMode,
    color_scheme_reports: extra[2031], focus_reports: modes.sendFocusMode, insert: modes.insertMode,
    newline: !!core.optionsService.rawOptions.convertEol, origin: modes.originMode, reverse_video: extra[5],
    reverse_wrap: modes.reverseWraparoundMode, synchronized_output: modes.synchronizedOutputMode, wrap: modes.wraparoundMode,
    mouse: MOUSE[mouse.activeProtocol], mouse_encoding: ENCODING[mouse.activeEncoding],
    kitty_keyboard: flags().at(-1) ?? 0, modify_other_keys: modifyOtherKeys,
  },
  title,
  history,
  rows: shown,
  offset: readFileSync(raw).length,
};
const text = [...history, ...shown].map((r) => r.text).join("\n").replace(/\n*$/, "\n");
writeFileSync(`${out}.txt`, text);
// A row a line, so that a change to a recording can be read.
const head = ["size", "cursor", "modes", "title"].map((k) => `"${k}":${JSON.stringify(document[k])}`).join(",\n");
const lines = (list) => (list.length ? "\n" + list.map((r) => JSON.stringify(r)).join(",\n") : "");
writeFileSync(
  `${out}.json`,
  `{${head},\n"history":[${lines(history)}],\n"rows":[${lines(shown)}],\n"offset":${document.offset}}\n`,
);
