#!/usr/bin/env bash
# web.sh SOURCES...: builds the page into web/dist when a source is newer than what is there.
#
# Without npm the binary carries a small page that says how to build the real one.
set -euo pipefail
[ -f web/package.json ] || exit 0
if ! command -v npm >/dev/null; then
	echo "SKIP web: npm is missing, the binary will carry a placeholder page" >&2
	exit 0
fi
if [ ! -e web/node_modules/.package-lock.json ] || [ web/package-lock.json -nt web/node_modules/.package-lock.json ]; then
	(cd web && npm ci --no-audit --no-fund --loglevel=error </dev/null)
	touch web/node_modules/.package-lock.json
fi
stale=
[ -f web/dist/.built ] || stale=1
for source in "$@"; do
	[ -z "$stale" ] || break
	[ "$source" -nt web/dist/.built ] && stale=1
done
[ -n "$stale" ] || exit 0
(cd web && npm run --silent build </dev/null)
touch web/dist/.built
