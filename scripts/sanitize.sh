#!/usr/bin/env bash
# Builds the package with a sanitizer in a copy of its own, and runs the tests.
#
#   scripts/sanitize.sh thread|address [TEST_TARGET...]
#
#   TEST_TARGET   such as SluiceTests; default: all of them. Only these and what they need are built
#
#   FILTER    runs only the tests whose names match this regular expression, such as 'SluiceTests\.RouterTests'
#   SCRATCH   where it is built; default .build-thread or .build-address
#
# Ends with 0 when all tests pass and the sanitizer reports nothing, 1 otherwise, 64 for wrong arguments. What a sanitizer says
# is in SCRATCH/reports.
set -euo pipefail

cd "$(dirname "$0")/.."
root=$PWD
sanitizer=${1:-}
case $sanitizer in
    thread | address) shift ;;
    *)
        echo "sanitize: expected thread or address" >&2
        exit 64
        ;;
esac
scratch=${SCRATCH:-$root/.build-$sanitizer}
source=$scratch/source
reports=$scratch/reports

if (($# == 0)); then
    for directory in Tests/*Tests; do set -- "$@" "$(basename "$directory")"; done
fi
for target in "$@"; do
    if [[ ! -d Tests/$target ]]; then
        echo "sanitize: there are no tests $target" >&2
        exit 64
    fi
done

# Leaves a file alone that is there already, so that it is not compiled again.
copy_changed() {
    cmp -s "$1" "$2" || cp "$1" "$2"
}

# Only what has changed is copied, so that only that is built again.
mkdir -p "$source"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [[ ! -f $file ]] || printf '%s\0' "$file"
done > "$scratch/files"
xargs -0 cp --update --preserve=mode,timestamps --parents -t "$source" < "$scratch/files"
# What is gone here goes there. The lock is copied below.
(cd "$source" && find . -type f -not -path './.git/*' -not -name 'Mutex+Sanitized.swift' -not -name Package.resolved -printf '%P\0') | sort -z > "$scratch/there"
sort -z "$scratch/files" | comm -z -13 - "$scratch/there" | (cd "$source" && xargs -0 --no-run-if-empty rm -f)
cat Package.swift scripts/sanitize/Package+Sanitizing.swift > "$source/Package.swift"
touch --reference=Package.swift "$source/Package.swift"

# ThreadSanitizer has to see the locks.
for target in "$source"/Sources/* "$source"/Tests/*; do
    lock=$target/Mutex+Sanitized.swift
    if [[ $sanitizer != thread ]] || ! grep -rqw --include='*.swift' --exclude='Mutex+Sanitized.swift' Mutex "$target"; then
        rm -f "$lock"
    elif grep -rqE --include='*.swift' --exclude='Mutex+Sanitized.swift' '^(.* )?import Sluice$' "$target"; then
        copy_changed scripts/sanitize/Mutex+Core.swift "$lock"
        # What uses the lock imports the module that it is from.
        { grep -rlE --include='*.swift' 'Mutex|withLock' "$target" || true; } | { xargs grep -LE '^(.* )?import Sluice$' || true; } |
            xargs --no-run-if-empty sed -i '0,/^import /s//import Sluice\nimport /'
    else
        copy_changed scripts/sanitize/Mutex.swift "$lock"
    fi
done

export SLUICE_SANITIZED_TARGETS="$*"
package=(--package-path "$source" --scratch-path "$scratch" --sanitize "$sanitizer")
swift build --build-tests "${package[@]}"

rm -rf "$reports"
mkdir -p "$reports"
export TSAN_OPTIONS="suppressions=$root/scripts/sanitize/thread.supp log_path=$reports/thread exitcode=0 history_size=4 ${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="log_path=$reports/address detect_leaks=0 detect_stack_use_after_return=0 ${ASAN_OPTIONS:-}"
export SLUICE_SANITIZER=$sanitizer
export SLUICE_PYTHON=${SLUICE_PYTHON:-$root/.build-venv/bin/python}
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-4}
bundle=$(find "$(swift build --show-bin-path --build-tests "${package[@]}")" -maxdepth 1 -name '*PackageTests.xctest')

failed=0
for target in "$@"; do
    if [[ -n ${FILTER:-} ]]; then filter=$FILTER; else filter="^$target\."; fi
    "$bundle" --testing-library swift-testing --filter "$filter" || failed=1
    [[ -z ${FILTER:-} ]] || break
done
if compgen -G "$reports/*" > /dev/null; then
    cat "$reports"/* | swift demangle --simplified | grep -E '^(WARNING|SUMMARY|ERROR|==[0-9]+==ERROR)' | sort | uniq -c | sort -rn
    echo "sanitize: the reports are in $reports" >&2
    failed=1
fi
exit "$failed"
