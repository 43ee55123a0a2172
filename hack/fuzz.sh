#!/usr/bin/env bash
# Runs every fuzz target of the repository for the given time, one after another;
# with package folders after the time, only theirs.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}
shift || true
grep -rlE '^func Fuzz' --include '*_test.go' "${@:-.}" | xargs -n1 dirname | sort -u | while read -r pkg; do
  pkg=./${pkg#./}
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$pkg"/*_test.go | sed 's/^func //'); do
    echo "== $pkg $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
  done
done
echo "no findings"
