#!/usr/bin/env bash
# fidelity.sh: the restore compared with xterm.js on recorded output, where FIDELITY_DIR has the recordings.
set -euo pipefail
if [ ! -d "${FIDELITY_DIR:-}" ]; then
	echo "SKIP fidelity: no recordings at '${FIDELITY_DIR:-}' (FIDELITY_DIR)"
	exit 0
fi
if [ ! -x tests/fidelity.sh ]; then
	echo "SKIP fidelity: there is no tests/fidelity.sh"
	exit 0
fi
if [ -z "${FACEMUX:-}" ]; then
	cargo build --locked --profile ci
	export FACEMUX=${CARGO_TARGET_DIR:-target}/ci/facemux
fi
exec tests/fidelity.sh </dev/null
