# The index of what one can do here. Every target is a line or two of plain Go.
SHELL := /bin/bash
TOOL  := go tool -modfile=tools.mod
GO    := CGO_ENABLED=0 go
PKGS  := ./...
export GOTOOLCHAIN := local

.PHONY: help build deps unit real test check proof validate mutate versions soak golden fuzz bench tty rca profile gen tour man dist vuln notices clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: ## the program, one static binary without cgo
	$(GO) build -trimpath -o tripcurve ./cmd/tripcurve

deps: ## install what the tests need and this machine lacks (Debian); starts no daemon
	scripts/deps

# Tests called TestLong... compute for long on their own goroutine: the race detector
# would find nothing there and make them ten times as long.
LONG = $$(grep -rl '^func TestLong' --include='*_test.go' . | xargs -n 1 dirname | sort -u)

# The packages with tests against servers: to link the other 130 takes minutes.
REAL = $$(grep -rl '^func TestReal' --include='*_test.go' . | xargs -n 1 dirname | sort -u)

unit: ## all tests without servers, with the race detector but where they only compute
	go test -race -pgo=off -skip '^TestLong' -timeout 40m $(PKGS)
	go test -pgo=off -run '^TestLong' -timeout 40m $(LONG)

real: ## tests against real servers of our own (a private Postgres), one package at a time
	go test -tags real -pgo=off -run '^TestReal' -p 1 -timeout 40m $(REAL)

test: deps unit real ## install what is missing, then run every test

check: ## lint, formatting, tidy module files, clean tree (no tests)
	scripts/check

proof: ## what each breaker machine was compared with, how many steps, how many differences
	@go test -count 1 -v ./internal/policy/... | grep -E 'proof:|^(FAIL|---  ?FAIL)' | sed 's/.*proof: //'

validate: ## the simulator against formulas, published results and its own books; prints each figure
	scripts/validate

mutate: ## flip every rule of the breaker machines; a trace or script must notice each
	scripts/mutate

versions: ## what depends on PostgreSQL's version, against real servers of 12 to 18; not in CI
	scripts/versions

soak: ## the lab beside the simulator, three runs each, then long fuzzing: two hours; not in CI
	scripts/soak

golden: ## rewrite golden files, scripts and transcripts; review the diff like code
	TRIPCURVE_UPDATE=1 go test $(PKGS)

fuzz: ## every fuzz target for 60 s
	FUZZTIME=60s scripts/fuzz

bench: ## the promised figures as ratios, each measured in one run
	scripts/bench

tty: ## the program on a real terminal: frames, keys, bytes, memory, beside htop, lnav, lazygit; five minutes
	scripts/tty

rca: ## root causes and onsets on recorded incidents, beside published figures; TRIPCURVE_RCA_DATA names their folder
	scripts/rca

profile: ## where time goes, for the compiler; after great changes of hot code
	scripts/profile

gen: ## generate the protobuf code (needs protoc)
	scripts/gen

tour: ## docs/tour.md and its pictures from the real screens
	TRIPCURVE_UPDATE=1 go test -count 1 -run '^TestLongTour$$' ./cmd/tripcurve

man: ## manual pages into man/; man -l man/tripcurve.1 shows one
	go run ./cmd/tripcurve man --dir man

dist: ## release binaries for linux and darwin, amd64 and arm64, manual pages, completions, checksums
	scripts/dist

vuln: ## known vulnerabilities (fetches its database from the network)
	$(TOOL) govulncheck $(PKGS)

notices: ## rewrite THIRD_PARTY_NOTICES from the linked modules' licence files
	scripts/notices

clean:
	rm -rf tripcurve dist bin man
