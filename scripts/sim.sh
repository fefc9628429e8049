#!/usr/bin/env bash
# sim.sh: the simulation over SEEDS worlds, and the bugs planted one at a time, which it must find.
set -euo pipefail
logs=${CARGO_TARGET_DIR:-target}/logs
mkdir -p "$logs"
SIM_SEEDS=${SEEDS:-10000} cargo test --locked --profile ci --features planted --test sim --test isolation \
	-- --nocapture </dev/null 2>&1 | tee "$logs/sim.log"
