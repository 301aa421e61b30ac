#!/bin/sh
# test-target.sh BUNDLE TARGET[.SUITE] [SUITE]: runs the tests of one target of a built bundle, or of one suite in it, and
# prints what they said when they have ended: several may run at once, for which `swift test` has a lock.
# The suite that comes last is left out: it runs by itself.
set -u
bundle=$1
target=$2
case $target in
    *.*) set -- --filter "^$target/" ;;
    *) set -- --filter "^$target\." ${3:+--skip "\.$3/"} ;;
esac
output=$(mktemp)
trap 'rm -f "$output"' EXIT
echo "== $target begins"
start=$(date +%s)
"$bundle" --testing-library swift-testing "$@" >"$output" 2>&1
status=$?
cat "$output"
echo "== $target ended with $status after $(($(date +%s) - start)) s"
# With this status, xargs starts no more.
[ "$status" = 0 ] || exit 255
