#!/usr/bin/env bash
# test.sh: the Rust tests, then the page's, then the page in a browser. The logs stay in target/logs for tally.sh.
#
# All of them run, whatever fails: whoever waits for this wants to know everything.
set -euo pipefail
logs=${CARGO_TARGET_DIR:-target}/logs
mkdir -p "$logs"
rm -f "$logs"/*.log
# Over 100 MB through viewers: code that is not optimised at all is given less.
export STREAM_LINES=2097152
# The same generated cases for everybody; `make fuzz` and `make chaos` look for others.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}
failed=0
cargo test --locked --profile ci --no-fail-fast </dev/null 2>&1 | tee "$logs/cargo.log" || failed=1
if [ -f web/package.json ] && command -v npm >/dev/null; then
	(cd web && npm test --silent --if-present </dev/null) 2>&1 | tee "$logs/web.log" || failed=1
	cargo build --locked --profile ci </dev/null
	facemux=$(realpath "${CARGO_TARGET_DIR:-target}/ci/facemux")
	(cd web && FACEMUX=$facemux npm run --silent e2e </dev/null) 2>&1 | tee "$logs/e2e.log" || failed=1
fi
exit $failed
