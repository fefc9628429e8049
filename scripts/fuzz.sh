#!/usr/bin/env bash
# fuzz.sh build: every fuzz target compiles, with the stable compiler.
# fuzz.sh run SECONDS: every target runs that long under cargo-fuzz; a finding ends it with an error.
set -euo pipefail
export PATH="$PATH:$HOME/.cargo/bin"
if [ ! -f fuzz/Cargo.toml ]; then
	echo "SKIP fuzz: there is no fuzz/Cargo.toml"
	exit 0
fi
case ${1:?build or run} in
build)
	scripts/setup.sh fuzz
	RUSTFLAGS="--cfg fuzzing" cargo check --locked --manifest-path fuzz/Cargo.toml --bins --target-dir "${CARGO_TARGET_DIR:-target}/fuzz"
	echo "fuzz: all targets compile"
	;;
run)
	scripts/setup.sh fuzz
	command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
	for target in $(cargo +nightly fuzz list); do
		echo "== $target, ${2:-60} s"
		cargo +nightly fuzz run "$target" -- -max_total_time="${2:-60}" -rss_limit_mb=1024 -timeout=10
	done
	;;
*)
	echo "fuzz.sh: build or run" >&2
	exit 2
	;;
esac
