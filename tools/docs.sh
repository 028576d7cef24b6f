#!/usr/bin/env bash
# Build the HTML documentation in build/docs/html: the guides, and a page for each plugin and role. Needs no network; a warning is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tree=$PWD/build/ansible_collections/cloudops/core
pages=$PWD/build/docs/pages
export ANSIBLE_COLLECTIONS_PATH=$PWD/build
rm -rf build/docs
mkdir -p "$pages/plugins"
chmod go-w build/docs "$pages" "$pages/plugins"
# Guides lie as in the checkout, so that links among them lead where they lead on a forge.
(cd "$tree" && cp --parents README.md CONTRIBUTING.md COPYING requirements.txt docs/*.md docs/iam/* docs/rbac/* roles/*/README.md "$pages")
cp docs/html/index.rst "$pages"
antsibull-docs --config-file docs/html/antsibull-docs.cfg collection --use-current --squash-hierarchy --fail-on-error \
    --cleanup everything --dest-dir "$pages/plugins" cloudops.core
sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 -b html -c docs/html "$pages" build/docs/html
echo "build/docs/html/index.html"
