#!/usr/bin/env bash
# test.sh: the Rust tests, then the page's. The log stays in target/ci for tally.sh.
set -euo pipefail
logs=${CARGO_TARGET_DIR:-target}/ci
mkdir -p "$logs"
rm -f "$logs"/*.log
cargo test --locked --no-fail-fast </dev/null 2>&1 | tee "$logs/cargo.log"
# Over 100 MB through viewers: too much for code that is not optimised, which gets less above.
cargo test --locked --release --test stream </dev/null 2>&1 | tee "$logs/stream.log"
if [ -f web/package.json ] && command -v npm >/dev/null; then
	(cd web && npm test --silent --if-present </dev/null) 2>&1 | tee "$logs/web.log"
fi
