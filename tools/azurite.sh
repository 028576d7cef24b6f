#!/usr/bin/env bash
# Install Azurite, pinned with all that it needs, into build/azurite. Without Node.js, or where npm can't install it, say so and go on:
# the tests that need it are then skipped. Does nothing when it is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dir=build/azurite
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "Azurite: skipped, as node or npm isn't on the PATH"
    exit 0
fi
mkdir -p "$dir"
# Two runs at once must not install over one another.
exec 9>"$dir/.lock"
flock 9
if cmp -s tests/requirements/azurite/package-lock.json "$dir/.installed"; then
    exit 0
fi
echo "Azurite: installing into $dir"
rm -f "$dir/.installed"
cp tests/requirements/azurite/package.json tests/requirements/azurite/package-lock.json "$dir"
if ! npm ci --prefix "$dir" --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >"$dir/npm.log" 2>&1; then
    tail -n 5 "$dir/npm.log"
    echo "Azurite: skipped, as npm could not install it"
    exit 0
fi
cp tests/requirements/azurite/package-lock.json "$dir/.installed"
