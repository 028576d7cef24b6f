#!/usr/bin/env bash
# Take a bucket of several thousand object versions through its life, on a server that runs only for this.
# Needs .venv/bin on the PATH and the link tree on ANSIBLE_COLLECTIONS_PATH, as `make demo` sets them. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scratch=$(mktemp -d)
moto=

finish() {
    [ -z "$moto" ] || { kill "$moto" && wait "$moto"; } 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

step() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD
python -m tests.servers.moto --port-file "$scratch/endpoint" >"$scratch/moto.log" 2>&1 &
moto=$!
for _ in $(seq 300); do
    [ ! -s "$scratch/endpoint" ] || break
    kill -0 "$moto" 2>/dev/null || { cat "$scratch/moto.log" >&2; exit 1; }
    sleep 0.1
done
echo "An S3 server listens on $(<"$scratch/endpoint"), on this machine only."

# Credentials and endpoint are found as boto3 finds them; nothing of your own account is looked at.
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_REGION=us-east-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
AWS_ENDPOINT_URL=$(<"$scratch/endpoint")
export ANSIBLE_HOME=$scratch/home ANSIBLE_LOCALHOST_WARNING=false
export ANSIBLE_DISPLAY_SKIPPED_HOSTS=false ANSIBLE_CALLBACK_RESULT_FORMAT=yaml
export ANSIBLE_CALLBACK_PLUGINS=$PWD/tools/demo/callback_plugins ANSIBLE_CALLBACKS_ENABLED=demo_summary
bucket=cloudops-demo-$$
run=(ansible-playbook --inventory 'localhost,' cloudops.core.bucket_lifecycle --extra-vars @tools/demo/variables.yml
    --extra-vars "bucket_lifecycle_name=$bucket")

step "1. What would happen: ansible-playbook cloudops.core.bucket_lifecycle --check"
"${run[@]}" --check

step "2. Provision, fill, hold, clean up: ansible-playbook cloudops.core.bucket_lifecycle"
"${run[@]}"

step "3. What is left"
python tools/demo/left.py
