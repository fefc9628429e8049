#!/usr/bin/env bash
# is-static.sh BINARY: fails unless the binary needs no other file to run.
set -euo pipefail
if ldd "$1" 2>&1 | grep -q '=>'; then
	echo "$1 still needs:" >&2
	ldd "$1" >&2
	exit 1
fi
echo "$1: static, $(stat -c %s "$1") bytes"
