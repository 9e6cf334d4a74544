# The commands for developers and CI. Every target installs what it needs and can be run again.
#
#   make run       download the default model, build, serve, ask it one question
#   make test      run every test, also those with the official clients and the real model
#   make check     check formatting, lints, documentation, dependency policy
#   make bench     measure what the server costs, compared with nginx (Linux, a few minutes)
#   make services  install what the tests need besides Rust: the model, the clients, a browser, PostgreSQL, MinIO

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo

.PHONY: run test check bench services

run:
	@scripts/need cargo
	@echo "jan-server: building (the first time takes some minutes)" >&2
	@model="$$(scripts/model | tail -n 1)"; \
	$(CARGO) build --release -p jan-cli; \
	JAN_LOCAL_MODEL="$${JAN_LOCAL_MODEL:-$$model}" exec "$$($(CARGO) metadata --format-version 1 --no-deps | \
	  sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release/jan-server" serve --demo

test:
	@scripts/test

check:
	@scripts/check

bench:
	@bench/run

services:
	@scripts/services
