#!/usr/bin/env bash
# Make a virtual environment from pinned requirements: tools/venv.sh DIR NAME:VERSION...
# The first pair whose Python VERSION this machine has decides; NAME is its file in tests/requirements.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dir=$1
shift

# What is about to be made anew can't make itself: where it is active, the Python behind it has to be found.
PATH=$(printf '%s' ":$PATH:" | sed "s#:$PWD/$dir/bin:#:#g; s#^:##; s#:\$##")

choose() {
    local pair
    for pair in "$@"; do
        if python=$(tools/python.sh "${pair#*:}" 2>/dev/null); then
            name=${pair%%:*}
            return
        fi
    done
    return 1
}

if ! choose "$@" && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # A bare Debian has a Python, but not the package that makes virtual environments.
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends python3 python3-venv
fi
if ! choose "$@"; then
    echo "$dir needs one of these Pythons, with venv: ${*#*:}" >&2
    exit 1
fi

echo "making $dir: $("$python" --version), tests/requirements/$name.txt"
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/python" -m pip install -qq --disable-pip-version-check --requirement "tests/requirements/$name.txt"
touch "$dir/.stamp"
