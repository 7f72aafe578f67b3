# What a contributor runs, and what CI runs: .ci/run calls these targets and nothing else.
# `make` alone lists them.

SHELL         := bash
.SHELLFLAGS   := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS     += --no-builtin-rules

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
IMAGE    ?= closeloop:$(VERSION)

# The version stands in the file name, so that raising it here installs the new one.
GOLANGCI_VERSION := v2.15.0
GOLANGCI         := bin/golangci-lint-$(GOLANGCI_VERSION)

# need NAME,HINT stops with a sentence instead of "command not found".
need = command -v $(1) >/dev/null || { printf 'error: %s is missing\nhint: %s\n' '$(1)' '$(2)' >&2; exit 1; }

##@ Every day

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: | need-go ## Build the static binary bin/closeloop
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/closeloop ./cmd/closeloop

.PHONY: test
test: | need-go ## Run every test; needs the programs of a PostgreSQL server
	go test ./...

.PHONY: lint
lint: $(GOLANGCI) ## Check style, import directions and formatting
	$(GOLANGCI) run ./...

.PHONY: fmt
fmt: $(GOLANGCI) ## Format the code as lint wants it
	$(GOLANGCI) fmt

##@ Before a change is handed in

.PHONY: check
check: ## Do all that CI does, in its order
	.ci/run

.PHONY: vet
vet: | need-go ## Run go vet
	go vet ./...

# The scheduler's tests took 450 s of go test's usual ten minutes on two cores that had other work as well.
.PHONY: race
race: | need-go ## Run every test under the race detector; needs a C compiler
	@$(call need,$$(go env CC),the race detector needs cgo: install gcc (Debian: apt-get install gcc libc6-dev))
	CGO_ENABLED=1 go test -race -timeout 20m ./...

.PHONY: tidy-check
tidy-check: | need-go ## Fail when go mod tidy would change go.mod or go.sum
	go mod tidy -diff

# Fuzzing by time can fail with "context deadline exceeded" and no finding on Go 1.26 (golang/go#75804);
# a number of executions, FUZZTIME=10000x, cannot.
.PHONY: fuzz
fuzz: | need-go ## Fuzz each target for FUZZTIME (10s, or a count like 10000x)
	@targets=$$(go test -list '^Fuzz' ./... | awk ' \
	  /^Fuzz/ { names[n++] = $$1 } \
	  /^ok/   { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }'); \
	[ -n "$$targets" ] || { echo 'error: no fuzz target found' >&2; exit 1; }; \
	while read -r pkg name; do \
	  echo "go test -run ^$$ -fuzz ^$$name\$$ -fuzztime $(FUZZTIME) $$pkg"; \
	  go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; \
	done <<<"$$targets"

.PHONY: static
static: ## Prove that the Linux binary needs no library and carries no test support
	@$(call need,readelf,install binutils (Debian: apt-get install binutils))
	GOOS=linux $(MAKE) --no-print-directory build
	@headers=$$(readelf -lW bin/closeloop); \
	if grep -E 'INTERP|DYNAMIC' <<<"$$headers"; then echo 'error: bin/closeloop is linked dynamically' >&2; exit 1; fi
	@deps=$$(GOOS=linux CGO_ENABLED=0 go list -deps ./cmd/closeloop); \
	if grep -E '^(testing|pgregory\.net/rapid|closeloop/.*test)(/|$$)' <<<"$$deps"; then \
	  echo 'error: bin/closeloop carries the test support above' >&2; exit 1; fi
	@if grep -q CLOSELOOP_FAIL bin/closeloop; then echo 'error: bin/closeloop has fail points' >&2; exit 1; fi
	@echo 'bin/closeloop: static, no test support, no fail points'

##@ Now and then

.PHONY: cover
cover: | need-go ## Run every test and print the coverage of each function
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out

# Both sides of a ratio belong into one run: figures of two runs on a shared machine do not compare.
.PHONY: bench
bench: | need-go ## Measure beside the bare engine and write docs/benchmarks.md
	go run ./bench

# GROWTH='-stores sqlite -sizes 10000,1000000 -dir /a/disk' measures less, or elsewhere than in the temporary folder.
GROWTH ?=
.PHONY: bench-growth
bench-growth: | need-go ## Measure both stores at 10 thousand, 1 and 10 million conversions, write docs/growth.md; needs 50 GB of disk
	go run ./bench -only growth $(GROWTH)

# Minutes of kill -9, stopped processes, cut networks, full disks, dying servers and leaping clocks; see the flags with
# `go run ./torture -h`. A report names its seed: make torture TORTURE='-seed N' begins with the same chances.
TORTURE ?= -stores sqlite,postgres -kills 300 -minutes 8
.PHONY: torture
torture: | need-go ## Kill replicas in every way and check that nothing is lost or doubled
	go run ./torture $(TORTURE)

.PHONY: replicas
replicas: | need-go ## Show two servers sharing 200 accounts, one killed in mid-batch
	go test ./cmd/closeloop -run '^TestReplicas$$' -count=1 -v -replicas.accounts=200

.PHONY: bench-postgres
bench-postgres: | need-go ## Measure on PostgreSQL beside the bare engine, write docs/benchmarks-postgres.md
	go run ./bench -only postgres

.PHONY: docker
docker: ## Build the container image IMAGE
	@$(call need,docker,install a container engine with BuildKit)
	docker build --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

.PHONY: clean
clean: ## Remove what the targets above made
	rm -rf bin coverage.out

.PHONY: need-go
need-go:
	@$(call need,go,install Go from https://go.dev/dl (the version is in go.mod))

# GOFLAGS is emptied because flags meant for this module (-mod=vendor) break the build of another.
$(GOLANGCI): | need-go
	GOFLAGS= GOBIN=$(CURDIR)/bin go install -trimpath -ldflags '-s -w' \
	  github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv bin/golangci-lint $@
