#!/usr/bin/env bash
# Print the path of a Python of the first of the given versions that this machine has: tools/python.sh 3.11 3.12 ...
# It has to start, to be of that version (a pyenv shim may be there without a Python behind it) and to have venv and pip.
set -euo pipefail

candidates() {
    type -ap "python$1" python3 python || true
    compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1.*/bin/python$1" || true
    compgen -G "/usr/bin/python$1" || true
    compgen -G "/usr/local/bin/python$1" || true
    compgen -G "/opt/*/bin/python$1" || true
}

probe='import ensurepip, ssl, sys, venv; print(sys.executable if "%d.%d" % sys.version_info[:2] == sys.argv[1] else "")'
for version in "$@"; do
    while read -r candidate; do
        found=$("$candidate" -c "$probe" "$version" 2>/dev/null) || continue
        if [ -n "$found" ]; then
            echo "$found"
            exit 0
        fi
    done < <(candidates "$version")
done
echo "no Python with venv among these versions: $*" >&2
exit 1
