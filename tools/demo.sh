#!/usr/bin/env bash
# Take a bucket of several thousand object versions through its life, and smaller ones on Azure and Google Cloud, stop what is idle or off
# duty in a fleet of 40 instances, and scale a Deployment by its load, on servers that run only for this.
# Needs .venv/bin on the PATH and the link tree on ANSIBLE_COLLECTIONS_PATH, as `make demo` sets them. Leaves nothing behind but the tools
# that it installs: .venv, and Azurite in build/azurite.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scratch=$(mktemp -d)
servers=()

finish() {
    local server
    for server in "${servers[@]}"; do
        { kill "$server" && wait "$server"; } 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap finish EXIT

step() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

# Start a command in the background, and wait until something is in the file $scratch/NAME: start NAME COMMAND...
# What the command prints is in $scratch/NAME.out, for which NAME.out waits, too.
start() {
    local name=$1
    shift
    "$@" >"$scratch/${name%.out}.out" 2>&1 &
    servers+=($!)
    for _ in $(seq 1200); do
        [ ! -s "$scratch/$name" ] || return 0
        kill -0 "${servers[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    cat "$scratch/${name%.out}.out" >&2
    exit 1
}

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD
start endpoint python -m tests.servers.moto --port-file "$scratch/endpoint"
echo "A server for S3, EC2 and CloudWatch listens on $(<"$scratch/endpoint"), on this machine only."

# Credentials and endpoint are found as boto3 finds them; nothing of your own account is looked at.
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_REGION=us-east-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
AWS_ENDPOINT_URL=$(<"$scratch/endpoint")
# Nor of one on another cloud.
unset "${!AZURE_@}" "${!GCP_@}" "${!GOOGLE_@}" "${!CLOUDSDK_@}" "${!STORAGE_EMULATOR_@}"
export ANSIBLE_HOME=$scratch/home ANSIBLE_LOCALHOST_WARNING=false
export ANSIBLE_DISPLAY_SKIPPED_HOSTS=false ANSIBLE_CALLBACK_RESULT_FORMAT=yaml
export ANSIBLE_CALLBACK_PLUGINS=$PWD/tools/demo/callback_plugins ANSIBLE_CALLBACKS_ENABLED=demo_summary
bucket=cloudops-demo-$$
run=(ansible-playbook --inventory 'localhost,' cloudops.core.bucket_lifecycle --extra-vars "bucket_lifecycle_name=$bucket")

step "1. What would happen: ansible-playbook cloudops.core.bucket_lifecycle --check"
"${run[@]}" --extra-vars @tools/demo/variables_aws.yml --check

step "2. Provision, fill, hold, clean up: ansible-playbook cloudops.core.bucket_lifecycle"
"${run[@]}" --extra-vars @tools/demo/variables_aws.yml

step "3. What is left"
python tools/demo/left.py aws

step "4. The same playbook on Azure: ansible-playbook cloudops.core.bucket_lifecycle -e bucket_lifecycle_provider=azure"
tools/azurite.sh
missing=$(python -m tests.servers.azurite --missing)
if [ -n "$missing" ]; then
    echo "Skipped. $missing."
else
    start azurite python -m tests.servers.azurite --port-file "$scratch/azurite"
    echo "Azurite listens on $(<"$scratch/azurite")."
    # As a shell that works with one storage account would have them; the key is the one of every Azurite.
    AZURE_STORAGE_SERVICE_ENDPOINT=$(<"$scratch/azurite")
    AZURE_STORAGE_KEY=$(python -c 'from tests.servers.azurite import KEY; print(KEY)')
    export AZURE_STORAGE_SERVICE_ENDPOINT AZURE_STORAGE_KEY
    "${run[@]}" --extra-vars @tools/demo/variables_azure.yml
    python tools/demo/left.py azure
fi

step "5. And on Google Cloud: ansible-playbook cloudops.core.bucket_lifecycle -e bucket_lifecycle_provider=gcp"
start storage python tools/demo/cloud_storage.py --port-file "$scratch/storage"
export STORAGE_EMULATOR_HOST GCP_PROJECT=project-of-tests
STORAGE_EMULATOR_HOST=$(<"$scratch/storage")
echo "The Cloud Storage on $STORAGE_EMULATOR_HOST is $(python tools/demo/cloud_storage.py --kind)."
"${run[@]}" --extra-vars @tools/demo/variables_gcp.yml
python tools/demo/left.py gcp

step "6. A fleet: 40 instances that have run for a month, with metrics"
python -m tests.servers.seed_fleet "$AWS_ENDPOINT_URL" --period 21600
fleet=(--inventory 'localhost,' --extra-vars @tools/demo/fleet.yml)

step "7. What is idle, and gets a date: ansible-playbook cloudops.core.idle_instances -e idle_instances_steps=tag"
ansible-playbook cloudops.core.idle_instances "${fleet[@]}" --extra-vars idle_instances_steps=tag

step "8. The date is over: ansible-playbook cloudops.core.idle_instances -e idle_instances_steps=stop"
ansible-playbook cloudops.core.idle_instances "${fleet[@]}" --extra-vars idle_instances_steps=stop

evening=(cloudops.core.power_schedule "${fleet[@]}" --extra-vars power_schedule_now=2026-03-02T20:00+01:00)
step "9. What the schedules want on a Monday evening: ansible-playbook cloudops.core.power_schedule --check"
ansible-playbook "${evening[@]}" --check

step "10. Do it: ansible-playbook cloudops.core.power_schedule"
ansible-playbook "${evening[@]}"

step "11. The same again, which changes nothing"
ansible-playbook "${evening[@]}" | tee "$scratch/again"
grep -q 'changed=0 ' "$scratch/again"

step "12. A Deployment with 2 replicas, and visitors who come and go"
start kube python -m tests.servers.kube --port-file "$scratch/kube"
start exporter python -m tests.servers.exporter --port-file "$scratch/exporter"
start prometheus python -m tests.servers.prometheus --target "$(<"$scratch/exporter")" --port-file "$scratch/prometheus"
echo "Kubernetes is a stand-in that rolls Deployments out without containers. The load is made up; each replica serves 100 visitors a"
echo "second. It is scraped by $(python -m tests.servers.prometheus --kind)."
start load.out python tools/demo/load.py "$(<"$scratch/kube")" "$(<"$scratch/exporter")" "$(<"$scratch/prometheus")"

step "13. Above 70 % one more, below 50 % one less, from 2 to 6: ansible-playbook cloudops.core.autoscale -e @tools/demo/autoscale.yml"
ANSIBLE_STDOUT_CALLBACK=demo_lines ansible-playbook --inventory 'localhost,' cloudops.core.autoscale \
    --extra-vars @tools/demo/autoscale.yml --extra-vars "autoscale_host=$(<"$scratch/kube") autoscale_api_key=admintoken" \
    --extra-vars "autoscale_prometheus_url=$(<"$scratch/prometheus") autoscale_record=$scratch/decisions.jsonl" |
    sed -u '/^Pausing for/d'

step "14. The same as a chart, from the decision record"
PYTHONPATH=$PWD:$PWD/build/link python tools/demo/chart.py "$scratch/decisions.jsonl"
