#!/usr/bin/env bash
# fuzz.sh build: every fuzz target compiles, with the stable compiler and without a warning.
# fuzz.sh run SECONDS [TARGET...]: every target runs that long under cargo-fuzz, from fuzz/seeds on; a finding ends it
# with an error.
# fuzz.sh keep: makes what has been found small and writes it to fuzz/seeds, one input a line.
set -euo pipefail
export PATH="$PATH:$HOME/.cargo/bin"
if [ ! -f fuzz/Cargo.toml ]; then
	echo "SKIP fuzz: there is no fuzz/Cargo.toml"
	exit 0
fi
# The inputs of fuzz/seeds, as files where cargo-fuzz looks for them.
unpack() {
	mkdir -p "fuzz/corpus/$1"
	[ -f "fuzz/seeds/$1.hex" ] || return 0
	perl -ne 'chomp; open my $f, ">", "$ENV{INTO}/seed-$." or die; print $f pack "H*", $_' <"fuzz/seeds/$1.hex"
}
# Those of a directory, the shortest first, at most 12 KiB of them.
pack() {
	perl -e 'local $/; my ($sum, %seen) = (0);
		my @all = map { open my $f, "<", $_ or die; unpack "H*", <$f> } glob "$ARGV[0]/*";
		for (sort { length $a <=> length $b || $a cmp $b } @all) {
			$sum += length() / 2;
			print "$_\n" if $_ ne "" && !$seen{$_}++ && $sum <= 12288;
		}' "$1"
}
case ${1:?build, run or keep} in
build)
	scripts/setup.sh fuzz
	RUSTFLAGS="--cfg fuzzing -D warnings" cargo check --locked --manifest-path fuzz/Cargo.toml --bins --target-dir "${CARGO_TARGET_DIR:-target}/fuzz"
	echo "fuzz: all targets compile"
	;;
run)
	scripts/setup.sh fuzz
	command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
	seconds=${2:-60}
	for target in "${@:3}" $([ $# -gt 2 ] || cargo +nightly fuzz list); do
		echo "== $target, $seconds s"
		INTO=fuzz/corpus/$target unpack "$target"
		cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1
	done
	;;
keep)
	mkdir -p fuzz/seeds
	for target in $(cargo +nightly fuzz list); do
		cargo +nightly fuzz cmin "$target"
		pack "fuzz/corpus/$target" >"fuzz/seeds/$target.hex"
		echo "$target: $(wc -l <"fuzz/seeds/$target.hex") inputs"
	done
	;;
*)
	echo "fuzz.sh: build, run or keep" >&2
	exit 2
	;;
esac
