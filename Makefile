# Countersign. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 20s

# One setting for everything but the race detector, which needs cgo: otherwise
# the Kubernetes libraries are compiled twice.
export CGO_ENABLED ?= 0

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

build: ## build the product's two binaries into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/countersign ./cmd/executor

demo: ## the whole loop on a real cluster, with a page to click in (DEMO=auto clicks by itself)
	@go run ./cmd/sandbox demo $(if $(filter auto,$(DEMO)),--auto)

test: ## everything: unit, policy, protocol cross-checks, stories on a real cluster
	@./test/all

unit: ## unit tests only, no cluster, no Node
	go test ./internal/... ./policies/... ./test/slackstub/... ./test/geministub/...

e2e: ## the stories on a real cluster
	go test -count=1 -timeout 30m -parallel 24 ./test/scenarios/...

scenarios: ## real faults, healthy workloads and storms, scored by exact cause and root object (NEUTRAL=1, ONLY=regexp)
	@./test/incidents/run

calibration: ## a model's confidence against 1,008 generated incidents, over the wire (half a minute)
	go test -count=1 -timeout 30m -v ./test/calibration/generated

e2e-gate: ## 10,000 approvals with 5 % faults, and 500 while everything fails (hours)
	go test -count=1 -timeout 12h -v ./test/gate/... -approvals 10000 -troubled 500 -storm 1000 -in-flight 60 -within 6h

guards: ## take every guard out, one at a time: its tests must go red (5 min, 20 cold)
	go test -count=1 -timeout 90m -v ./test/guards/...

check: fmt-check vet lint rego-check tidy-check ## format, vet, lint, Rego, tidy

fmt-check:
	@out=$$(gofmt -l cmd internal policies test); [ -z "$$out" ] || { echo "gofmt these: $$out"; exit 1; }

vet:
	go vet ./...

lint: ## golangci-lint, built from the pinned module
	go tool -modfile=test/tools/lint/go.mod golangci-lint run ./...

rego-check: ## policy tests with coverage
	go test -count=1 ./policies/...

tidy-check:
	go mod tidy -diff

bench: ## latency and memory on a real cluster, speed by size (5,000 and 50,000 pods, an hour); prints baselines of the same run
	go test -run '^$$' -bench . -benchmem ./internal/redact ./internal/policy
	go test -run '^$$' -bench 'OneIncident|ServicesOfOneNamespace|PageOfPods' -benchmem ./internal/diagnose ./internal/kube ./internal/watch
	go test -count=1 -timeout 30m -run 'TestBench' -v ./test/bench/...
	go test -count=1 -timeout 2h -run 'TestScale' -v ./test/bench/... -scale -update $(BENCH)

bench-redact: ## speed and recall of the redactor, beside gitleaks in the same run (RE2=1 builds gitleaks with RE2)
	go test -count=1 -v ./test/corpus/...
	cd test/redactbench && go test -count=1 -timeout 30m -v $(if $(RE2),-tags gore2regex) ./...

fuzz: ## every fuzz target for FUZZTIME each
	@set -e; for pkg in $$(go list ./internal/... ./test/slackstub ./test/geministub); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; done; done

cluster-up: ## bring a real one-node Kubernetes up and leave it running
	@go run ./test/cluster/cmd/cluster up

cluster-down: ## take it down; nothing is left
	@go run ./test/cluster/cmd/cluster down

clean: ## remove what was built
	rm -rf bin test/slackstub/node/node_modules

.PHONY: help build demo test unit e2e scenarios calibration e2e-gate guards check fmt-check vet lint rego-check tidy-check bench fuzz cluster-up cluster-down bench-redact clean
