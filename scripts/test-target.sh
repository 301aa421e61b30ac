#!/bin/sh
# Runs the tests of one target of a built bundle, and prints what they said when they have ended: two targets may run at
# once, for which `swift test` has a lock.
set -u
bundle=$1
target=$2
output=$(mktemp)
trap 'rm -f "$output"' EXIT
echo "== $target begins"
start=$(date +%s)
"$bundle" --testing-library swift-testing --filter "^$target\." >"$output" 2>&1
status=$?
cat "$output"
echo "== $target ended with $status after $(($(date +%s) - start)) s"
# With this status, xargs starts no more.
[ "$status" = 0 ] || exit 255
