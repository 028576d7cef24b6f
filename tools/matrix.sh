#!/usr/bin/env bash
# Repeat unit and integration tests with the oldest and the newest Python, ansible-core and boto3 that are supported.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run() {
    local name=$1 path=$PATH
    shift
    if [ "tests/requirements/$name.txt" -nt ".venv-$name/.stamp" ]; then
        tools/venv.sh ".venv-$name" "${@/#/$name:}"
    fi
    PATH=$PWD/.venv-$name/bin:$path
    python -c 'from importlib.metadata import version as v; import sys
print("Python", sys.version.split()[0], *(f"{name} {v(name)}" for name in ("ansible-core", "boto3")), sep="  ")'
    pytest -n 3 --dist loadgroup tests/unit tests/integration
    PATH=$path
}

run oldest 3.10 3.11
if tools/python.sh 3.13 3.12 3.14 >/dev/null; then
    run newest 3.13 3.12 3.14
fi
