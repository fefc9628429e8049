#!/usr/bin/env bash
# static.sh [CARGO ARGS]: a small binary that needs no other file, for the machine's own kind: facemux-static beside
# the one with symbols that the profile `small` builds. Prints its path.
#
# Randomness comes by system call: what looks for the C library's function at run time finds none in a static binary,
# and an image may have no /dev/urandom. What the linker can do to make it smaller is tried first, since not every
# linker has it: equal functions folded, relocations packed, tables for unwinding left out (panics abort; they still
# say where).
set -euo pipefail
host=$(rustc -vV | sed -n 's/^host: //p')
here=$(cd "$(dirname "$0")" && pwd)
flags=(-C target-feature=+crt-static --cfg 'getrandom_backend="linux_getrandom"')
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
echo 'fn main() { std::thread::spawn(|| print!("runs")).join().unwrap() }' >"$trial/main.rs"
for extra in --icf=all --pack-dyn-relocs=relr "--no-eh-frame-hdr,-T,$here/no-unwind.ld"; do
	link=(-C "link-arg=-Wl,$extra")
	if rustc --edition 2024 -C panic=abort "${flags[@]}" "${link[@]}" -o "$trial/main" "$trial/main.rs" 2>/dev/null &&
		[ "$("$trial/main")" = runs ]; then
		flags+=("${link[@]}")
	else
		echo "this linker has no $extra: the binary will be larger" >&2
	fi
done
# Separated by a character that no flag contains.
CARGO_ENCODED_RUSTFLAGS=$(
	IFS=$'\x1f'
	echo "${flags[*]}"
)
export CARGO_ENCODED_RUSTFLAGS
cargo build --locked --profile small --target "$host" "$@"
built=${CARGO_TARGET_DIR:-target}/$host/small
strip -s -o "$built/facemux-static" "$built/facemux"
echo "$built/facemux-static"
