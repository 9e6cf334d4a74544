# What a developer and CI call. Every target does the set-up that it needs and can be run again.
#
#   make run       fetch the default model, build, serve, ask it one question
#   make test      run every test, the official clients and the real model included
#   make check     formatting, lints, documentation, dependency policy
#   make bench     what the server costs beside nginx (Linux, a few minutes)
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
