#!/usr/bin/env bash
# tally.sh: adds up what the test runners themselves reported in the last run's logs.
set -euo pipefail
logs=${CARGO_TARGET_DIR:-target}/logs
awk '/^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } }
	/^# pass [0-9]+$/ || /^ℹ pass [0-9]+$/ { p += $3 } /^# fail [0-9]+$/ || /^ℹ fail [0-9]+$/ { f += $3 }
	END { printf "%d passed, %d failed\n", p, f; exit f > 0 }' "$logs"/*.log
