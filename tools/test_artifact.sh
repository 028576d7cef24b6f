#!/usr/bin/env bash
# Install the built collection into an empty directory, as a user would, and run tests/artifact/playbook.yml from there.
# Usage: tools/test_artifact.sh ARTIFACT.tar.gz
set -euo pipefail
artifact=$(realpath "$1")
checkout=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
scratch=$(mktemp -d)
moto=

finish() {
    [ -z "$moto" ] || { kill "$moto" && wait "$moto"; } 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

export ANSIBLE_HOME=$scratch/home ANSIBLE_COLLECTIONS_PATH=$scratch/collections ANSIBLE_LOCALHOST_WARNING=false
ansible-galaxy collection install --offline --no-deps --collections-path "$scratch/collections" "$artifact"

PYTHONPATH=$checkout python -m tests.servers.moto --port-file "$scratch/endpoint" >"$scratch/moto.log" 2>&1 &
moto=$!
for _ in $(seq 300); do
    [ ! -s "$scratch/endpoint" ] || break
    kill -0 "$moto" 2>/dev/null || { cat "$scratch/moto.log" >&2; exit 1; }
    sleep 0.1
done

# Not from the checkout: nothing of it may be found by accident.
cp "$checkout/tests/artifact/playbook.yml" "$scratch"
cd "$scratch"
ansible-playbook -i localhost, --extra-vars "endpoint_url=$(<"$scratch/endpoint")" playbook.yml
