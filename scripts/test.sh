#!/usr/bin/env bash
# test.sh: the Rust tests, then the page's. The log stays in target/logs for tally.sh.
set -euo pipefail
logs=${CARGO_TARGET_DIR:-target}/logs
mkdir -p "$logs"
rm -f "$logs"/*.log
# Over 100 MB through viewers: code that is not optimised at all is given less.
export STREAM_LINES=2097152
# The same generated cases for everybody; `make fuzz` and `make chaos` look for others.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}
cargo test --locked --profile ci --no-fail-fast </dev/null 2>&1 | tee "$logs/cargo.log"
if [ -f web/package.json ] && command -v npm >/dev/null; then
	(cd web && npm test --silent --if-present </dev/null) 2>&1 | tee "$logs/web.log"
fi
