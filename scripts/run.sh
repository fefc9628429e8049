#!/usr/bin/env bash
# run.sh BINARY [FLAGS...]: serves in the foreground; `facemux serve` says itself how to get in.
set -euo pipefail
binary=$(realpath "$1")
shift
cat <<TEXT
Starting facemux. From another terminal:
  $binary new            a shell in a new face (Ctrl-B d detaches)
  $binary ls             the faces there are
  $binary attach         back into the last one
Ctrl-C here ends the server and its faces.
TEXT
exec "$binary" serve "$@"
