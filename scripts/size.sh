#!/usr/bin/env bash
# size.sh: the release binary's size by part, and the memory of each process of a server started for it.
#
# Parts are read from the symbols of the profiling profile, which is the release code with its names kept. Code
# inlined into another part counts there.
set -euo pipefail
target=${CARGO_TARGET_DIR:-target}
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --locked --release
cargo build --locked --profile profiling

echo "== files, bytes"
for file in "$target/release/facemux" "$target/$host/release/facemux"; do
	[ ! -e "$file" ] || printf '%10d  %s\n' "$(stat -c %s "$file")" "$file"
done

echo "== sections of the release binary, bytes"
size -A -d "$target/release/facemux" | awk '$2 > 4096 && /^\./ {printf "%10d  %s\n", $2, $1}' | sort -rn

echo "== symbols by crate, bytes (of facemux: by folder)"
nm --size-sort --print-size --demangle=rust -t d "$target/profiling/facemux" | awk '
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

echo "== memory of an idle server, KiB (PSS; memfd pages that nobody maps are counted beside)"
binary=$(realpath "$target/release/facemux")
dir=$(mktemp -d)
chmod 700 "$dir"
FACEMUX_DIR=$dir "$binary" serve --web 127.0.0.1:0 >"$dir/out" 2>&1 </dev/null &
keeper=$!
trap 'kill "$keeper" 2>/dev/null || true; wait "$keeper" 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 100); do
	[ ! -S "$dir/sock" ] || break
	kill -0 "$keeper" 2>/dev/null || break
	sleep 0.05
done
if [ ! -S "$dir/sock" ]; then
	echo "the server did not come up:" >&2
	tail -n 5 "$dir/out" >&2
	exit 1
fi
# The frontends come up just behind the socket.
sleep 1
sum=0
for proc in /proc/[0-9]*; do
	[ "$(readlink "$proc/exe" 2>/dev/null)" = "$binary" ] || continue
	tr '\0' '\n' <"$proc/environ" 2>/dev/null | grep -qxF "FACEMUX_DIR=$dir" || continue
	pss=$(awk '/^Pss:/ {print $2}' "$proc/smaps_rollup")
	rss=$(awk '/^Rss:/ {print $2}' "$proc/smaps_rollup")
	sum=$((sum + pss))
	printf '%10d  pid %s: %s (RSS %d)\n' "$pss" "${proc#/proc/}" "$(tr '\0' ' ' <"$proc/cmdline")" "$rss"
done
printf '%10d  together\n' "$sum"
