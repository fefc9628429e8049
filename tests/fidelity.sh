#!/usr/bin/env bash
# fidelity.sh: recorded programs restored and compared with xterm.js, cell by cell, in FIDELITY_DIR.
#
# Twice: `facemux model` alone, and the whole program in PTYs. Each prints its kinds of difference, most
# frequent first, and fails below the bar. FACEMUX names the program (default: a release build made now);
# FIDELITY_ADAPTERS says which of the two to run.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${FIDELITY_DIR:-../shared/fidelity}
if [ ! -x "$dir/run.sh" ]; then
	echo "SKIP fidelity: no recordings at '$dir' (FIDELITY_DIR)"
	exit 0
fi
# Per cent of cases in which everything is equal, right after the restore and after what came next (s2).
bar=full=99,s2full=99,sbLines=100
# The same for text and attributes, without the cases in which xterm.js cuts the cursor's own line and we do not
# (docs/decisions.md).
cell_bar=99.5
apart='resize_(both|grow_cols|shrink_cols)_wrapped$'
# Bytes of all restores, at most so many times those of xterm.js's own serializer, in tenths.
size_bar=15

if [ -z "${FACEMUX:-}" ]; then
	cargo build --locked --release
	FACEMUX=${CARGO_TARGET_DIR:-target}/release/facemux
fi
export FACEMUX
log=$(mktemp)
trap 'rm -f "$log" "$log.json"' EXIT
failed=0

# field NAME: the number after NAME= in the last summary.
field() {
	sed -n "s/^SUMMARY .*[ ]$1=\([0-9.]*\).*/\1/p" "$log" | tail -n 1
}

for adapter in ${FIDELITY_ADAPTERS:-facemux-model facemux}; do
	echo "== $adapter"
	"$dir/run.sh" --adapter "$adapter" --min "$bar" --json "$log.json" </dev/null | tee "$log" || failed=1
	node -e '
		const [file, bar, apart] = process.argv.slice(1);
		const all = JSON.parse(require("fs").readFileSync(file)).results;
		const cases = all.filter((c) => !new RegExp(apart).test(c.name));
		const share = (good) => (100 * cases.filter(good).length) / cases.length;
		const told = [
			["text", share((c) => c.R && !c.R.text)], ["attrs", share((c) => c.R && !c.R.text && !c.R.attr)],
			["s2text", share((c) => c.S2 && !c.S2.text)], ["s2attrs", share((c) => c.S2 && !c.S2.text && !c.S2.attr)],
		];
		console.log(`without ${all.length - cases.length} cases set apart: ` + told.map(([k, v]) => `${k}=${v.toFixed(1)}`).join(" "));
		process.exit(told.some(([, v]) => v < +bar) ? 1 : 0);
	' "$log.json" "$cell_bar" "$apart" || failed=1
	[ "$(field sbStyle)" = 100 ] || { echo "BELOW sbStyle: $(field sbStyle) < 100" && failed=1; }
	case $adapter in
	facemux-model)
		ours=$(field rBytesSum)
		"$dir/run.sh" --adapter xterm-serialize </dev/null >"$log" || failed=1
		theirs=$(field rBytesSum)
		echo "bytes of all restores: $ours, xterm.js's serializer: $theirs"
		if [ $((ours * 10)) -gt $((theirs * size_bar)) ]; then
			echo "ABOVE rBytesSum: more than $size_bar tenths of the serializer's"
			failed=1
		fi
		;;
	facemux)
		# A case that only a second try gets right was a race.
		if [ $(($(field improvedByRetry) * 100)) -gt "$(field n)" ]; then
			echo "ABOVE improvedByRetry: $(field improvedByRetry) of $(field n), more than 1 %"
			failed=1
		fi
		;;
	esac
done
exit $failed
