#!/usr/bin/env bash
# Packs what `make install` installs into a tarball for this kind of machine, and checks it.
#
#   scripts/dist.sh [DIRECTORY]
#
#   DIRECTORY           where the tarball goes; default .build/dist
#   PROGRAM             the built program; default .build/release/sluice
#   SOURCE_DATE_EPOCH   the time of all files, in seconds since 1970; default that of the last commit
#
# The same program and the same files make the same tarball, byte by byte: names are sorted, times and owners are fixed.
# Ends with 0 when all is done, 1 when something is missing in it, 66 when there is no program to pack.
set -euo pipefail

cd "$(dirname "$0")/.."
directory=${1:-.build/dist}
program=${PROGRAM:-.build/release/sluice}
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}

fail() {
    echo "dist: $2" >&2
    exit "$1"
}

[[ -x $program ]] || fail 66 "there is no program $program; \`make build\` makes it"
version=$("$program" --version)
[[ $version =~ ^[A-Za-z0-9._+-]+$ ]] || fail 1 "expected a version, not $version"
name=sluice-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PROGRAM=$program PREFIX=/usr/local DESTDIR=$work/root scripts/install.sh install > /dev/null
mkdir "$work/$name"
mv "$work/root/usr/local"/* "$work/$name/"

mkdir -p "$directory"
tarball=$directory/$name.tar.gz
tar --create --format=ustar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode=go-w \
    --directory "$work" "$name" | gzip --no-name --best > "$tarball.part"
mv "$tarball.part" "$tarball"

# What is in it, as its user will see it.
tar --list --gzip --file "$tarball" > "$work/list"
for path in bin/sluice lib/systemd/system/sluice.service share/man/man1/sluice.1 \
    share/bash-completion/completions/sluice share/zsh/site-functions/_sluice share/fish/vendor_completions.d/sluice.fish \
    share/sluice/dashboards/ share/sluice/prometheus/ share/sluice/examples/ \
    share/sluice/examples/sluice.env share/doc/sluice/LICENSE share/doc/sluice/README.md; do
    grep -qxF "$name/$path" "$work/list" || fail 1 "$path is missing in $tarball"
done
(cd "$directory" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
echo "$tarball: $(grep -vc '/$' "$work/list") files, $(stat --format=%s "$tarball") bytes"
