#!/usr/bin/env bash
# Check a built collection as Galaxy does on upload, and take each of its warnings as an error: tools/importer.sh ARTIFACT.tar.gz
set -euo pipefail
artifact=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

GALAXY_IMPORTER_CONFIG='' python -m galaxy_importer.main "$artifact" 2>&1 | tee import.log
if grep -E '^(WARNING|ERROR|CRITICAL)' import.log >/dev/null; then
    echo "Galaxy would warn about this collection or refuse it" >&2
    exit 1
fi
