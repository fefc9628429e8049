#!/usr/bin/env bash
# setup.sh run|test|lint|fuzz|fidelity|peers|size|cost: what the target needs is installed when we may, else listed.
#
# A package is asked for only when its program is missing, so that programs installed otherwise count too.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin"
goal=${1:?which target}

command -v cargo >/dev/null || {
	echo "facemux needs Rust 1.89 or later: https://rustup.rs" >&2
	exit 1
}

# program:package
build="cc:gcc ld:binutils"
page="node:nodejs npm:npm"
programs="vim:vim less:less htop:htop dialog:dialog tmux:tmux screen:screen dtach:dtach fish:fish ps:procps
	ssh:openssh-client sshd:openssh-server dropbear:dropbear-bin curl:curl chromium:chromium git:git"
case $goal in
run) wanted="$build $page" ;;
test) wanted="$build $page $programs" ;;
lint) wanted="$build mandoc:mandoc" ;;
fuzz) wanted="$build c++:g++" ;;
fidelity) wanted="$build $page xz:xz-utils" ;;
peers) wanted="$build $page $programs python3:python3-minimal" ;;
size) wanted="$build $page pgrep:procps" ;;
cost) wanted="$build $page valgrind:valgrind" ;;
*)
	echo "setup.sh: unknown target $goal" >&2
	exit 2
	;;
esac

packages=()
for pair in $wanted; do
	command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
done
# What has no program of its own: the C headers, and letters for the browser to draw.
[ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)
[ "$goal" != test ] || [ -d /usr/share/fonts/truetype ] || packages+=(fonts-dejavu-core)
[ ${#packages[@]} -gt 0 ] || exit 0

list="${packages[*]}"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing for 'make $goal': $list" >&2
	echo "install them first, on Debian: sudo apt-get install -y --no-install-recommends $list" >&2
	# The page is the one thing facemux can be built without.
	case $goal:$list in run:nodejs | run:npm | "run:nodejs npm") exit 0 ;; esac
	exit 1
fi

echo "installing: $list"
export DEBIAN_FRONTEND=noninteractive
# Tests start their own servers on loopback; installing one must not open this machine's ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
log=$(mktemp)
apt-get update -q >"$log" 2>&1 || tail -n 5 "$log" >&2
if ! apt-get install -y -q --no-install-recommends "${packages[@]}" >>"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "could not install: $list (the whole log: $log)" >&2
	exit 1
fi
rm -f "$log"
case " $list " in *" openssh-server "*)
	[ ! -d /run/systemd/system ] || systemctl disable -q ssh.service ssh.socket 2>/dev/null || true
	;;
esac
