#!/usr/bin/env bash
# Pin the development requirements anew: tools/lock.sh [dev|oldest|newest|rival]... (all four when none is named)
# Each tests/requirements/NAME.in becomes NAME.txt, with everything it pulls in, at today's versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || set -- dev oldest newest rival
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for name in "$@"; do
    case $name in
        dev) version=3.11 ;;
        oldest) version=3.10 ;;
        newest | rival) version=3.13 ;;
        *) echo "unknown requirements: $name" >&2; exit 2 ;;
    esac
    "$(tools/python.sh "$version")" -m venv "$scratch/$name"
    "$scratch/$name/bin/python" -m pip install -qq --requirement "tests/requirements/$name.in"
    {
        echo "# Made by tools/lock.sh from $name.in; change that, not this."
        "$scratch/$name/bin/python" -m pip freeze
    } >"$scratch/$name.txt"
    mv "$scratch/$name.txt" "tests/requirements/$name.txt"
done
