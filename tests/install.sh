#!/bin/sh
# Installs those of the named Debian packages that are missing. A name may carry an architecture,
# as in libhwloc-dev:arm64. DEPS=no: does nothing. Elsewhere than on Debian: prints the names.
set -eu

[ "${DEPS:-yes}" != no ] || exit 0
[ $# -gt 0 ] || exit 0
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "deps: not a Debian system; install what provides: $*" >&2
    exit 0
fi

# A package may be there for several architectures; a plain name means this machine's.
installed() {
    case "$1" in
    *:*) wanted=${1#*:} ;;
    *) wanted=$(dpkg --print-architecture) ;;
    esac
    dpkg-query -W -f '${Status} ${Architecture}\n' "$1" 2>/dev/null |
        grep -qx -e "install ok installed $wanted" -e 'install ok installed all'
}

missing=
for package; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "deps: missing packages, and neither root nor sudo to install them:$missing" >&2
        exit 3
    fi
    as_root=sudo
fi
echo "deps: installing$missing" >&2
case "$missing" in
*:arm64*) $as_root dpkg --add-architecture arm64 ;;
esac
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
