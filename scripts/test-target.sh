#!/bin/sh
# test-target.sh BUNDLE FAILED TARGET[.SUITES] [TARGET.SUITES...]: runs the tests of one target of a built bundle, or of those suites
# in it whose names begin so (a regular expression), and prints what they said when they have ended: several may run at once,
# for which `swift test` has a lock. What failed is added to the file FAILED.
# The parts that come last are left out of a target: they run by themselves.
set -u
bundle=$1
failed=$2
name=$3
shift 3
case $name in
    *.*) set -- --filter "^$name" ;;
    *)
        parts=$*
        set -- --filter "^$name\."
        for part in $parts; do set -- "$@" --skip "^$part"; done
        ;;
esac
output=$(mktemp)
trap 'rm -f "$output"' EXIT
echo "== $name begins"
start=$(date +%s)
"$bundle" --testing-library swift-testing "$@" >"$output" 2>&1
status=$?
cat "$output"
echo "== $name ended with $status after $(($(date +%s) - start)) s"
[ "$status" = 0 ] && exit 0
{
    echo "== $name ended with $status"
    grep -E '^✘ Test .* (recorded an issue|failed)' "$output" || tail -n 5 "$output"
} >>"$failed"
exit 1
