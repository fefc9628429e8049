#!/usr/bin/env bash
# size.sh: the static binary's size by part, and the memory of each process of a server started for it; of the release
# binary too where `make build` has made one (with both frontends: one without them is told of and left out).
#
# Parts are read from the symbols of the same binary before it is stripped. Code inlined into another part counts there.
set -euo pipefail
target=${CARGO_TARGET_DIR:-target}
host=$(rustc -vV | sed -n 's/^host: //p')
"$(dirname "$0")/static.sh"
small=$target/$host/small

echo "== files, bytes"
for file in "$small/facemux-static" "$target/release/facemux"; do
	[ ! -e "$file" ] || printf '%10d  %s\n' "$(stat -c %s "$file")" "$file"
done

echo "== sections of the static binary, bytes"
size -A -d "$small/facemux-static" | awk '$2 > 4096 && /^\./ {printf "%10d  %s\n", $2, $1}' | sort -rn

echo "== symbols by crate, bytes (of facemux: by folder)"
nm --size-sort --print-size --demangle=rust -t d "$small/facemux" | awk '
	{
		bytes = $2 + 0; $1 = $2 = $3 = ""; sub(/^ +/, "")
		name = $0
		# `<T as Trait>::f` belongs to the crate of T.
		gsub(/^[<&*( ]+|^dyn |^mut |^const /, "", name); gsub(/^[<&*( ]+|^dyn |^mut /, "", name)
		if (name !~ /^[A-Za-z_0-9]+::/) part = "(C and data)"
		else { split(name, path, "::"); part = path[1]; if (part == "facemux" && path[2] ~ /^[a-z_]+$/) part = part "::" path[2] }
		total[part] += bytes; all += bytes
	}
	END {
		for (part in total) printf "%10d  %4.1f %%  %s\n", total[part], 100 * total[part] / all, part
	}' | sort -rn | head -n "${ROWS:-40}"

# memory BINARY: a server of its own with both frontends, idle; PSS, so that what processes share is counted once.
memory() {
	local binary dir keeper proc pss rss sum=0
	binary=$(realpath "$1")
	dir=$(mktemp -d)
	chmod 700 "$dir"
	FACEMUX_DIR=$dir "$binary" serve --web 127.0.0.1:0 --ssh 127.0.0.1:0 >"$dir/out" 2>&1 </dev/null &
	keeper=$!
	for _ in $(seq 100); do
		grep -q 'serving SSH' "$dir/out" && break
		kill -0 "$keeper" 2>/dev/null || break
		sleep 0.05
	done
	if ! grep -q 'serving SSH' "$dir/out"; then
		echo "not measured, the server did not come up: $(tail -n 1 "$dir/out")" >&2
		kill "$keeper" 2>/dev/null || true
		wait "$keeper" || true
		rm -rf "$dir"
		return 1
	fi
	# What follows its coming up is over then.
	sleep 1
	for proc in "$keeper" $(pgrep -P "$keeper"); do
		pss=$(awk '/^Pss:/ {print $2}' "/proc/$proc/smaps_rollup")
		rss=$(awk '/^Rss:/ {print $2}' "/proc/$proc/smaps_rollup")
		sum=$((sum + pss))
		printf '%10d  pid %s: %s (RSS %d)\n' "$pss" "$proc" "$(tr '\0' ' ' <"/proc/$proc/cmdline")" "$rss"
	done
	printf '%10d  together\n' "$sum"
	kill "$keeper"
	wait "$keeper" || true
	rm -rf "$dir"
}

title() { echo "== memory of an idle server of $1, KiB (PSS)"; }
title "$small/facemux-static"
memory "$small/facemux-static"
title "$target/release/facemux"
if [ ! -e "$target/release/facemux" ]; then
	echo "not measured, there is none: make build"
else
	memory "$target/release/facemux" || echo "make build makes one with both frontends"
fi
