#!/usr/bin/env bash
# peers.sh BINARY: facemux beside other multiplexers in one run (PEERS_DIR), tables into docs/measurements.md.
#
# BENCHES, PEERS and REPS choose less than everything. What stands outside the marks in the file is kept.
set -euo pipefail
binary=$(realpath "$1")
benches=${BENCHES:-footprint,start,tput,stall,lat,reattach,scale}
peers=${PEERS:-bare,relay,facemux,tmux,screen,dtach}
reps=${REPS:-3}
page=docs/measurements.md
begin='<!-- tables: begin -->'
end='<!-- tables: end -->'

if [ ! -f "${PEERS_DIR:-}/run.py" ]; then
	echo "SKIP peers: no benches at '${PEERS_DIR:-}' (PEERS_DIR)"
	exit 0
fi
export PEERS_CACHE=${PEERS_CACHE:-/tmp/facemux-peers} PYTHONDONTWRITEBYTECODE=1 FACEMUX=$binary
mkdir -p "$PEERS_CACHE"
started=$(date -u +%FT%RZ)
python3 "$PEERS_DIR/run.py" "$benches" --peers "$peers" --reps "$reps" --fresh </dev/null
python3 "$PEERS_DIR/report.py" </dev/null

tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
{
	echo "$begin"
	echo
	echo "Measured $started on $(nproc) cores ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r)), facemux $("$binary" version), $reps repetitions:"
	echo
	echo "    make peers BENCHES=$benches PEERS=$peers REPS=$reps"
	echo
	# The report's own title and host line are replaced by the lines above.
	awk '/^### /{on=1} on' "$PEERS_CACHE/RESULTS.md"
	echo
	echo "$end"
} >"$tables"

if [ -f "$page" ] && grep -qF "$begin" "$page"; then
	awk -v file="$tables" -v begin="$begin" -v end="$end" '
		$0 == begin { while ((getline line < file) > 0) print line; skip = 1 }
		!skip { print }
		$0 == end { skip = 0 }' "$page" >"$page.new"
	mv "$page.new" "$page"
else
	cat >"$page" - "$tables" <<'HEAD'
# Measurements

facemux beside other multiplexers, all in one run. `bare` has no multiplexer, `relay` is one process that copies a
PTY to a terminal and back: the least any multiplexer can do. Read ratios to `bare` and `relay` in the same run; a
noisy machine shows in the `bare` row. Memory is PSS of all server processes, memfd pages included.

HEAD
fi
echo "wrote $page"
