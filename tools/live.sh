#!/usr/bin/env bash
# Run the integration tests that are marked live and live_kube against real servers: tools/live.sh [s3] [kube], both by default.
# S3: the server that S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY name, else a Ceph gateway that
# ../shared/servers/rgw-up starts for the time of the run. Kubernetes: the server of KUBECONFIG, which has to have the
# contexts admin, viewer, scaler and nobody, else one that ../shared/servers/kube-up starts for the time of the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rgw_up=$PWD/../shared/servers/rgw-up
kube_up=$PWD/../shared/servers/kube-up
kube_ports=(16443 23790)
scratch=

stop_servers() {
    local file pid
    [ -n "$scratch" ] || return 0
    [ ! -d "$scratch/gateway" ] || "$rgw_up" stop "$scratch/gateway" 2>/dev/null || true
    [ ! -d "$scratch/kube" ] || bash "$kube_up" stop "$scratch/kube" 2>/dev/null || true
    # Their processes write there until they have ended.
    for file in "$scratch"/*/*.pid; do
        [ -e "$file" ] || continue
        pid=$(<"$file")
        timeout 30 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}

make_scratch() {
    [ -z "$scratch" ] || return 0
    scratch=$(mktemp -d /tmp/cloudops-live.XXXXXX)
    trap stop_servers EXIT
    trap 'exit 130' INT TERM
}

start_gateway() {
    local port answer
    make_scratch
    port=$(python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "starting a Ceph gateway on port $port"
    answer=$("$rgw_up" "$scratch/gateway" "$port" 2>"$scratch/log" | tail -n 1) || true
    if [[ $answer != endpoint* ]]; then
        echo "the gateway did not start:" >&2
        tail -n 20 "$scratch/log" >&2
        exit 1
    fi
    read -r _ S3_ENDPOINT_URL _ S3_ACCESS_KEY _ S3_SECRET_KEY <<<"$answer"
    export S3_ENDPOINT_URL S3_ACCESS_KEY S3_SECRET_KEY
}

start_kube() {
    local port answer
    # Its ports are fixed: on a busy one, somebody else's server would answer in its place.
    for port in "${kube_ports[@]}"; do
        if python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then
            echo "port $port is in use; set KUBECONFIG to run against the Kubernetes server that is there" >&2
            exit 1
        fi
    done
    make_scratch
    echo "starting a Kubernetes API server; the first time it is built, which takes minutes"
    answer=$(bash "$kube_up" "$scratch/kube" 2>"$scratch/log" | tail -n 1) || true
    if [ "$answer" != "KUBECONFIG=$scratch/kube/kubeconfig" ] || ! kube_answers "$scratch/kube/kubeconfig"; then
        echo "the Kubernetes API server did not start:" >&2
        tail -n 20 "$scratch/log" >&2
        tail -n 20 "$scratch/kube/api.log" >&2 || true
        exit 1
    fi
    KUBECONFIG=$scratch/kube/kubeconfig
}

kube_answers() {
    [ "$(kubectl --kubeconfig "$1" --context admin get --raw /readyz 2>/dev/null)" = ok ]
}

test_s3() {
    if [ -z "${S3_ENDPOINT_URL:-}" ]; then
        if [ ! -x "$rgw_up" ]; then
            echo "set S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY to a server on which buckets may be made and deleted" >&2
            exit 2
        fi
        start_gateway
    fi
    pytest tests/integration -m live || status=1
}

test_kube() {
    if [ -z "${KUBECONFIG:-}" ]; then
        if [ ! -e "$kube_up" ]; then
            echo "set KUBECONFIG to a test server's; it needs the contexts admin, viewer, scaler and nobody" >&2
            exit 2
        fi
        start_kube
    fi
    # A file without these contexts may well lead to a server that is no place for tests.
    python - "$KUBECONFIG" <<'PYTHON' || exit 2
import sys, yaml
with open(sys.argv[1], encoding="utf-8") as file:
    known = {entry["name"] for entry in yaml.safe_load(file)["contexts"]}
missing = {"admin", "viewer", "scaler", "nobody"} - known
if missing:
    sys.exit(f"{sys.argv[1]} is not a test server's: it has no context {', '.join(sorted(missing))}")
PYTHON
    CLOUDOPS_TEST_KUBECONFIG=$(realpath "$KUBECONFIG") pytest tests/integration -m live_kube -n 2 || status=1
}

status=0
[ $# -gt 0 ] || set -- s3 kube
for server in "$@"; do
    case $server in
    s3) test_s3 ;;
    kube) test_kube ;;
    *)
        echo "usage: tools/live.sh [s3] [kube]" >&2
        exit 2
        ;;
    esac
done
[ "$status" = 0 ]
