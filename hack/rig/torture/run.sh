#!/usr/bin/env bash
# run.sh SEEDS FOR: runs the seeds 1 to SEEDS of the bench, spread over the processors;
# begins none after FOR (as 30m; 0 for no end). FROM (1) is the first seed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
seeds=$1 for=$2 first=${FROM:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/torture" ./hack/rig/torture
n=$(nproc)
share=$(((seeds + n - 1) / n))
status=0 pids=()
for i in $(seq 0 $((n - 1))); do
	"$work/torture" -test.run TestTorture -test.v -test.timeout 0 -from $((first + i * share)) -seeds "$share" -for "$for" >"$work/$i.log" 2>&1 &
	pids+=($!)
done
for p in "${pids[@]}"; do wait "$p" || status=1; done
for i in $(seq 0 $((n - 1))); do
	grep -vE '^(=== (RUN|NAME)|    --- PASS)' "$work/$i.log" || true
done
exit $status
