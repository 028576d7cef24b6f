#!/usr/bin/env bash
# Run every molecule scenario of extensions/molecule, or those that are named: tools/molecule.sh [SCENARIO]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! compgen -G 'extensions/molecule/*/molecule.yml' >/dev/null; then
    echo "no molecule scenario in extensions/molecule"
    exit
fi
# A log is read without colours.
[ -t 1 ] || export NO_COLOR=1 ANSIBLE_NOCOLOR=1
if [ $# -eq 0 ]; then
    exec molecule test --no-command-borders --all
fi
for scenario in "$@"; do
    molecule test --no-command-borders --scenario-name "$scenario"
done
