#!/usr/bin/env bash
# Build the HTML documentation of every plugin and role in build/docs/html. Needs no network; a warning is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ANSIBLE_COLLECTIONS_PATH=$PWD/build
rm -rf build/docs
mkdir -p build/docs/rst
chmod go-w build/docs build/docs/rst
cp docs/html/index.rst build/docs/rst/
antsibull-docs --config-file docs/html/antsibull-docs.cfg collection --use-current --squash-hierarchy --fail-on-error \
    --cleanup everything --dest-dir build/docs/rst cloudops.core
sphinx-build --quiet --fail-on-warning --keep-going -b html -c docs/html build/docs/rst build/docs/html
echo "build/docs/html/index.html"
