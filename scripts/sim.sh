#!/usr/bin/env bash
# sim.sh: what needs a build in which bugs can be planted: the simulation over SEEDS worlds, and the bugs planted one
# at a time, which it must find; daemons that die where they are told to; the storm's short form.
set -euo pipefail
logs=${CARGO_TARGET_DIR:-target}/logs
mkdir -p "$logs"
# The short form: how long the long one may take is not asked for here.
unset CHAOS_SECONDS
# The same generated cases for everybody, as in test.sh.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}
SIM_SEEDS=${SEEDS:-10000} cargo test --locked --profile ci --features planted \
	--test sim --test isolation --test deaths --test chaos -- --nocapture </dev/null 2>&1 | tee "$logs/sim.log"
