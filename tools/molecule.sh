#!/usr/bin/env bash
# Run every molecule scenario of extensions/molecule, or those that are named: tools/molecule.sh [SCENARIO]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../extensions"
if [ $# -eq 0 ]; then
    exec molecule test --all
fi
for scenario in "$@"; do
    molecule test --scenario-name "$scenario"
done
