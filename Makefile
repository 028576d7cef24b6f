# Everything a developer runs. It works in a checkout of any name, with no virtual environment active.

SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Nothing of the developer's own account, Ansible or Python settings reaches a test.
unexport $(filter AWS_% AZURE_% GCP_% GOOGLE_% CLOUDSDK_% STORAGE_EMULATOR_% K8S_AUTH_% PROMETHEUS_%,$(.VARIABLES))
unexport $(filter ANSIBLE_% CLOUDOPS_PROGRESS% MOLECULE_% PYTHONPATH PYTHONHOME,$(.VARIABLES))
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif

VERSION := $(shell sed -n 's/^version: //p' galaxy.yml)
ARTIFACT := build/cloudops-core-$(VERSION).tar.gz
# Some tools want the collection's own path and see through links: a copy for them, a link for everything else.
TREE := build/ansible_collections/cloudops/core
LINK := build/link/ansible_collections/cloudops/core
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/link

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: .venv/.stamp $(LINK)  ## see buckets, a fleet and a Deployment looked after, on servers of its own
	tools/demo.sh

test: .venv/.stamp  ## run every check
	$(MAKE) --jobs=2 --output-sync=target lint unit
	$(MAKE) integration
	$(MAKE) --jobs=2 --output-sync=target SIDE_BY_SIDE=1 molecule sanity importer artifact

live: .venv/.stamp $(LINK)  ## integration tests on real servers: S3_ENDPOINT_URL and KUBECONFIG, or servers of its own
	tools/live.sh

matrix: .venv/.stamp  ## unit and integration tests with the oldest and the newest ansible-core
	tools/matrix.sh

bench: .venv/.stamp $(LINK)  ## measure against amazon.aws; long
	python -m tests.benchmarks

lint: tree  ## style, types, ansible-lint, documentation and change log
	ruff check .
	ruff format --check .
	cd $(TREE) && MYPYPATH=../../.. mypy --cache-dir ../../../.mypy_cache --package ansible_collections.cloudops.core.plugins
	cd $(TREE) && ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/build" ansible-lint
	ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/build" antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all $(TREE)
	cd $(TREE) && antsibull-changelog lint

unit: .venv/.stamp  ## unit tests and the import rules
	pytest -n 2 tests/unit

integration: .venv/.stamp azurite  ## integration tests on servers that they start themselves
	pytest -n 3 --dist loadgroup tests/integration

molecule: .venv/.stamp $(LINK) azurite  ## the roles' scenarios
	tools/molecule.sh

sanity: tree  ## ansible-test sanity
	cd $(TREE) && python tools/sanity.py

build: tree  ## the artifact that users install
	ansible-galaxy collection build --force --output-path build $(TREE)

importer: build  ## check the artifact as Galaxy does on upload
	tools/importer.sh $(ARTIFACT)

artifact: build  ## install the artifact and run a playbook from it
	tools/test_artifact.sh $(ARTIFACT)

docs: tree  ## HTML in build/docs/html
	tools/docs.sh

clean:  ## remove what make made
	rm -rf build .venv .venv-oldest .venv-newest .venv-rival .*_cache .ansible .hypothesis tests/output

tree: .venv/.stamp
	tools/collection_tree.sh

azurite:
	tools/azurite.sh

$(LINK):
	mkdir -p $(@D)
	ln -s ../../../.. $@

.venv/.stamp: tests/requirements/dev.txt
	tools/venv.sh .venv dev:3.11 dev:3.12 dev:3.13 dev:3.14 oldest:3.10

.PHONY: azurite help demo test live matrix bench lint unit integration molecule sanity build importer artifact docs clean tree
