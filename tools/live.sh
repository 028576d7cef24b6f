#!/usr/bin/env bash
# Run the integration tests against a real S3 server: the one that S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY name,
# else a Ceph gateway that ../shared/servers/rgw-up starts for the time of the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rgw_up=$PWD/../shared/servers/rgw-up
scratch=

stop_gateway() {
    local file pid
    [ -n "$scratch" ] || return 0
    "$rgw_up" stop "$scratch/gateway" 2>/dev/null || true
    # Its processes write there until they have ended.
    for file in "$scratch"/gateway/*.pid; do
        [ -e "$file" ] || continue
        pid=$(<"$file")
        timeout 30 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}

start_gateway() {
    local port answer
    scratch=$(mktemp -d /tmp/cloudops-live.XXXXXX)
    trap stop_gateway EXIT
    trap 'exit 130' INT TERM
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

if [ -z "${S3_ENDPOINT_URL:-}" ]; then
    if [ ! -x "$rgw_up" ]; then
        echo "set S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY to a server on which buckets may be made and deleted" >&2
        exit 2
    fi
    start_gateway
fi
pytest tests/integration -m live
