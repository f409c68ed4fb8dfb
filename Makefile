# Reify. `make help` lists what can be made.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: help setup build agents demo test check fmt vet lint docs docs-check bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: ## install what building and testing need (Debian; idempotent)
	@$(GO) run ./internal/tools/setup

build: ## build bin/reify and bin/reify-agent, static
	@echo "build: bin/reify and bin/reify-agent, version $(VERSION)"
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/reify ./cmd/reify-agent

agents: ## build dist/agents, the packages of the agent for hosts of all platforms
	@for arch in amd64 arm64; do CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags '$(LDFLAGS)' \
	  -o dist/agents/$$arch/reify-agent ./cmd/reify-agent || exit 1; done
	@$(GO) run ./internal/tools/agents dist/agents

demo: build ## take a blueprint to a running application and back (KEEP=1 leaves it running)
	@$(GO) run ./internal/tools/demo $(if $(KEEP),--keep) $(if $(EXAMPLE),--example $(EXAMPLE))

test: setup build ## install what the tests need, then run all of them with the race detector
	$(GO) test -race -timeout 20m ./...

check: fmt vet lint docs-check ## formatting, vet, lint and generated documents

fmt: ## fail when a file is not formatted
	@bad=$$(gofmt -l cmd internal python); if [ -n "$$bad" ]; then echo "not formatted (run gofmt -w):"; echo "$$bad"; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

lint: ## staticcheck, pinned
	$(GO) run $(STATICCHECK) ./...

docs: ## write the generated documents again
	$(GO) run ./internal/tools/docs

docs-check: ## fail when a generated document is out of date
	$(GO) run ./internal/tools/docs --check

bench: build ## run the benchmarks whose figures are in docs/performance.md
	$(GO) test -timeout 60m -run '^$$' -bench . ./...
	$(GO) run ./internal/tools/bench

clean: ## remove what was built
	rm -rf bin dist
