#!/usr/bin/env bash
# Run the integration tests against a real S3 server: the one that S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY name,
# else a Ceph gateway that ../shared/servers/rgw-up starts for the time of the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rgw_up=$PWD/../shared/servers/rgw-up

start_gateway() {
    local dir port answer
    dir=$(mktemp -d /tmp/cloudops-rgw.XXXXXX)
    # Expanded now: the function's variables are gone when the trap runs.
    # shellcheck disable=SC2064
    trap "'$rgw_up' stop '$dir'; rm -rf '$dir'" EXIT
    port=$(python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "starting a Ceph gateway on port $port"
    if ! answer=$("$rgw_up" "$dir" "$port" 2>"$dir.log" | tail -n 1) || [[ $answer != endpoint* ]]; then
        echo "the gateway did not start:" >&2
        tail -n 20 "$dir.log" >&2
        exit 1
    fi
    rm -f "$dir.log"
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
