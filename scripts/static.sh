#!/usr/bin/env bash
# static.sh [CARGO ARGS]: a release binary that needs no other file, for the machine's own kind.
#
# Randomness comes by system call: what looks for the C library's function at run time finds none in a static binary,
# and an image may have no /dev/urandom. Panics abort, so nothing is ever unwound. What the linker can do to make it
# smaller, equal functions folded and relocations packed, is tried first: not every linker has it.
set -euo pipefail
host=$(rustc -vV | sed -n 's/^host: //p')
flags=(-C target-feature=+crt-static --cfg 'getrandom_backend="linux_getrandom"' -C force-unwind-tables=no)
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
echo 'fn main() {}' >"$trial/main.rs"
for extra in --icf=all --pack-dyn-relocs=relr; do
	if rustc --edition 2024 -C panic=abort "${flags[@]}" -C "link-arg=-Wl,$extra" -o "$trial/main" "$trial/main.rs" 2>/dev/null &&
		"$trial/main"; then
		flags+=(-C "link-arg=-Wl,$extra")
	fi
done
# Separated by a character that no flag contains.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
cargo build --locked --release --target "$host" "$@"
