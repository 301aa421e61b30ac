#!/usr/bin/env bash
# Installs the program with what belongs to it, or removes that again.
#
#   scripts/install.sh install|uninstall
#
#   PREFIX    where it is used; default /usr/local
#   DESTDIR   stands before PREFIX while files are copied, as packagers want it; default none
#   PROGRAM   the built program; default .build/release/sluice
#
# Ends with 0 when all is done, 64 for wrong arguments, 66 when there is no program to install.
set -euo pipefail

cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
program=${PROGRAM:-.build/release/sluice}

fail() {
    echo "install: $2" >&2
    exit "$1"
}

# What is made from the program: its kind, and where it goes.
readonly made=(
    "bash share/bash-completion/completions/sluice"
    "zsh share/zsh/site-functions/_sluice"
    "fish share/fish/vendor_completions.d/sluice.fish"
    "manual share/man/man1/sluice.1"
)
# Whole directories of their own.
readonly own=(share/sluice share/doc/sluice)
readonly unit=lib/systemd/system/sluice.service

make_file() {
    case $1 in
        manual) "$program" manual ;;
        *) "$program" --generate-completion-script "$1" ;;
    esac
}

# Copies the files of a directory, without what lies deeper.
copy_files() {
    local file
    install -d "$root/$2"
    for file in "$1"/*; do
        [[ ! -f $file ]] || install -m 0644 "$file" "$root/$2/"
    done
}

install_all() {
    local entry kind target
    [[ -x $program ]] || fail 66 "there is no program $program; \`make build\` makes it"
    [[ $prefix == /* ]] || fail 64 "PREFIX: expected an absolute path"
    install -D -m 0755 "$program" "$root/bin/sluice"
    for entry in "${made[@]}"; do
        read -r kind target <<<"$entry"
        install -d "$(dirname "$root/$target")"
        make_file "$kind" >"$root/$target"
        chmod 0644 "$root/$target"
    done
    install -d "$(dirname "$root/$unit")"
    sed "s|^ExecStart=/usr/local/|ExecStart=$prefix/|" packaging/sluice.service >"$root/$unit"
    chmod 0644 "$root/$unit"
    "$program" dashboards --force --out "$root/share/sluice/dashboards" >/dev/null
    "$program" rules --force --out "$root/share/sluice/prometheus" >/dev/null
    copy_files Examples/configurations share/sluice/examples/configurations
    copy_files Examples/scenarios share/sluice/examples/scenarios
    install -m 0644 .env-example "$root/share/sluice/examples/sluice.env"
    copy_files docs share/doc/sluice
    install -m 0644 CHANGELOG.md LICENSE "$root/share/doc/sluice/"
    # Its pages lie beside it here.
    sed 's|(docs/|(|g' README.md >"$root/share/doc/sluice/README.md"
    chmod 0644 "$root/share/doc/sluice/README.md"
    echo "installed in $root"
}

# Configuration and data (/etc/sluice, /var/lib/sluice) are left.
uninstall_all() {
    local entry kind target
    rm -f "$root/bin/sluice" "$root/$unit"
    for entry in "${made[@]}"; do
        read -r kind target <<<"$entry"
        rm -f "$root/$target"
    done
    for target in "${own[@]}"; do rm -rf "${root:?}/$target"; done
    echo "removed from $root"
}

case ${1:-} in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *) fail 64 "expected install or uninstall" ;;
esac
