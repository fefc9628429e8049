#!/usr/bin/env bash
# cost.sh [MEGABYTES]: what checkpoints and the record of calls cost a daemon whose face prints as fast as it can, as
# shares of its instructions (valgrind's callgrind), for plain lines and for coloured ones.
#
# The keeper starts its own program again, so valgrind comes in by an upgrade: to a program that is the same one, but
# has its daemon under valgrind. That program is the static binary, before it is stripped of its symbols.
set -euo pipefail
binary=${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/small/facemux
"$(dirname "$0")/static.sh"
binary=$(realpath "$binary")
command -v valgrind >/dev/null || { echo "missing: valgrind" >&2; exit 2; }
dir=$(mktemp -d)
chmod 700 "$dir"
keeper=
trap '[ -z "$keeper" ] || kill "$keeper" 2>/dev/null || true; rm -rf "$dir"' EXIT

cat >"$dir/watched.rs" <<'RUST'
use std::{env, os::unix::process::CommandExt, process::Command};
fn main() {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let (binary, out) = (env::var("COST_BINARY").unwrap(), env::var("COST_OUT").unwrap());
    let mut command = Command::new("valgrind");
    command.args(["-q", "--tool=callgrind"]).arg(format!("--callgrind-out-file={out}")).arg(&binary);
    if words.first().is_none_or(|word| word != "daemon") {
        command = Command::new(&binary);
    }
    panic!("{}", command.args(words).exec());
}
RUST
rustc --edition 2024 -o "$dir/watched" "$dir/watched.rs"

# cost NAME LINE: the shares while a face prints LINE again and again.
cost() {
	export FACEMUX_DIR=$dir/$1 COST_BINARY=$binary COST_OUT=$dir/$1.out
	mkdir -m 700 "$FACEMUX_DIR"
	"$binary" serve --web off --sandbox off >"$dir/$1.log" 2>&1 </dev/null &
	keeper=$!
	until "$binary" ls >/dev/null 2>&1; do kill -0 "$keeper"; done
	"$binary" upgrade --binary "$dir/watched" >/dev/null
	local face
	face=$("$binary" new -d -- sh -c "yes '$2' | head -c ${megabytes}000000; exec cat")
	"$binary" wait "$face" --until idle=2s --timeout 300s
	kill "$keeper"
	wait "$keeper" || true
	keeper=
	callgrind_annotate --inclusive=yes --threshold=100 "$COST_OUT" >"$dir/$1.all"
	echo "== $1, $megabytes MB"
	awk '/PROGRAM TOTALS/ || /Face::checkpoint / || /Ledger::(read|write|publish) / || /MappedRegion as .*::bytes/ || /Machine::feed / {
		sub(/^ +/, ""); sub(/\?\?\?:/, ""); sub(/ \[.*/, ""); print
		share = $0; sub(/^[^(]*\( */, "", share); sub(/%.*/, "", share)
		if (/Machine::feed/) model += share
		else if (/Face::checkpoint/) checkpoints += share
		else if (!/PROGRAM TOTALS/) record += share }
	END { printf "model %.1f %%, checkpoints %.1f %%, record of calls %.1f %%; the last two together %.1f %%\n",
		model, checkpoints, record, checkpoints + record }' "$dir/$1.all"
}

megabytes=${1:-50}
cost plain 'a line of text as a compiler prints them, with some more words to it'
cost colour "$(printf '\033[31mred \033[1;32mgreen\033[m and plain \033[38;5;99mpalette\033[0m text on a line')"
