#!/usr/bin/env bash
# lint.sh: everything that reads the sources without running them.
set -euo pipefail
export PATH="$PATH:$HOME/.cargo/bin"
scripts/setup.sh lint

cargo fmt --check
cargo clippy --locked --all-targets --features planted -- -D warnings
cargo clippy --locked -- -D warnings
if [ -d src/frontend ]; then
	# Each frontend can be left out.
	cargo clippy --locked --no-default-features -- -D warnings
fi

command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
cargo deny --log-level error check bans licenses sources </dev/null
if timeout 60 cargo deny --log-level off fetch db </dev/null >/dev/null 2>&1; then
	cargo deny --log-level error check --disable-fetch advisories </dev/null
else
	echo "SKIP advisories: their database cannot be fetched from here"
fi

for script in .ci/run scripts/*.sh tests/*.sh; do
	[ ! -e "$script" ] || bash -n "$script"
done
if [ -f docs/facemux.1 ]; then
	mandoc -T lint -W warning docs/facemux.1
fi
echo "lint: ok"
