#!/usr/bin/env bash
# optional.sh FILE CMD...: runs CMD when FILE exists, else says visibly that it did not.
set -euo pipefail
file=$1
shift
if [ -e "$file" ]; then
	exec "$@"
fi
echo "SKIP: there is no $file"
