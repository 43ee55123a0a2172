#!/usr/bin/env bash
# Runs every fuzz target of the repository for the given time, two at once; with
# package folders after the time, only theirs. A finding is written below the
# package's testdata/fuzz, and the script fails.
#
# What lies there already was chosen of what this script had found, by hack/corpus: of
# each target the shortest inputs that reach statements of its package which neither the
# seeds in the test's code nor a shorter one reach, at most 20, of at most 4 KiB. go test
# tries them each time. After longer fuzzing: go run ./hack/corpus ./seeder/wire (or another
# package), and look at what git shows.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}
shift || true
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# one PACKAGE TARGET: at the end of its time go's fuzzer sometimes reports the end
# itself as a failure (golang/go#75804), without an input: that is tried once more.
one() {
	log=$logs/$(echo "$1.$2" | tr / _)
	for try in 1 2; do
		if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -parallel 1 "$1" >"$log" 2>&1; then
			echo "ok $1 $2: $(grep -o 'execs: [0-9]*' "$log" | tail -1)"
			return
		fi
		grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log" || break
	done
	echo "== $1 $2"
	cat "$log"
	return 1
}
export -f one
export time logs

grep -rlE '^func Fuzz' --include '*_test.go' --exclude-dir node_modules "${@:-.}" | xargs -n1 dirname | sort -u | while read -r pkg; do
	pkg=./${pkg#./}
	grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$pkg"/*_test.go | sed "s|^func |$pkg |"
done | xargs -P 2 -L 1 bash -c 'one "$@"' one
echo "no findings"
