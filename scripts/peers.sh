#!/usr/bin/env bash
# peers.sh BINARY: facemux beside other multiplexers in one run (PEERS_DIR), tables into docs/measurements.md.
#
# BENCHES, PEERS and REPS choose less than everything; NET_BENCHES and NET_PEERS the same for what is reached over a
# network: pages and SSH. What stands outside the marks in the file is kept.
set -euo pipefail
binary=$(realpath "$1")
benches=${BENCHES:-footprint,start,tput,stall,lat,reattach,scale}
peers=${PEERS:-bare,relay,facemux,tmux,screen,dtach}
net_benches=${NET_BENCHES-start,tput,lat}
# ttyd is no Debian package: it takes part where somebody has built it.
net_peers=${NET_PEERS-$(command -v ttyd >/dev/null && echo ttyd,)facemux+web,sshd+tmux,dropbear+tmux,facemux+ssh}
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
if [ -n "$net_benches" ] && [ -n "$net_peers" ]; then
	python3 "$PEERS_DIR/run.py" "$net_benches" --peers "$net_peers" --reps "$reps" </dev/null
fi
python3 "$PEERS_DIR/report.py" </dev/null

tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
{
	echo "$begin"
	echo
	echo "Measured $started on $(nproc) cores ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r)), facemux $("$binary" version), $reps repetitions:"
	echo
	echo "    make peers REPS=$reps BENCHES=$benches PEERS=$peers \\"
	echo "        NET_BENCHES=$net_benches NET_PEERS=$net_peers"
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
