# levee: `make run` serves the demo, `make test` runs every test. Both need Go, gcc and make, nothing else.

export CGO_CFLAGS := -O2 -g -Wno-deprecated-declarations
export CGO_ENABLED := 1

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
DEMO    ?= demo

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all help run build test race fuzz soak bench lint check nodes clean

all: build

help:
	@sed -n 's/^# \([a-z]*\) /make \1\t/p' Makefile

# run builds levee, lays out a demo folder with photographs, a table and a text, and serves it until Ctrl-C.
run: build
	@mkdir -p $(DEMO)/inbox $(DEMO)/data
	@cp testdata/demo/*.flow.yaml $(DEMO)/
	@cp testdata/samples/photos/*.jpg $(DEMO)/inbox/
	@cp testdata/samples/*.csv testdata/samples/*.txt $(DEMO)/data/
	./levee serve $(DEMO)

# build makes the program ./levee.
build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o levee ./daemon/levee

# test builds and runs all tests.
# Those of daemon and gpu/device take two minutes each on idle cores: on busy ones the 10 minutes that go test allows might not do.
# What is held against a model does the same each time, so that nothing fails here by chance; race and soak go new ways each time.
test: export RAPID_SEED ?= 1
test:
	$(GO) test -timeout 30m ./...

# race runs all tests under the race detector. On two busy cores those of gpu take longer than the 10 minutes that go test allows.
race:
	$(GO) test -race -timeout 30m ./...

# fuzz gives every fuzz target FUZZTIME.
FUZZTIME ?= 60s
fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

# soak repeats the tests that kill, fill disks and drop thousands of files, under the race detector.
soak:
	LEVEE_SOAK=1 $(GO) test -race -count=3 -timeout 60m ./...

# bench prints the numbers of the design, each beside its floor or rival measured in the same run, then all benchmarks.
bench: build
	@$(GO) test -run '^$$' -bench . ./runtime 2>&1 | grep -E '^bench:|FAIL' | sed 's/^bench: //'
	@$(GO) test -run '^$$' -bench . -benchtime 1x ./daemon ./daemon/levee 2>&1 | grep -E '^bench:|FAIL' | sed 's/^bench: //'
	@$(GO) test -run '^$$' -bench '^BenchmarkGPU$$' -benchtime 1x ./gpu/device 2>&1 | grep -E '^bench:|FAIL' | sed 's/^bench: //'
	$(GO) test -run '^$$' -bench . ./graph/... ./cache/... ./daemon/journal ./watch

# lint checks format, vet and staticcheck.
lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these'; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# check is what CI asks beyond the tests: style, tidy modules, core nodes and SDK examples equal to their sources.
check: lint
	$(GO) mod tidy -diff
	nodes/build.sh --check
	$(GO) test ./nodes -run TestExamplesBuild -count=1 -args -sdk

# nodes rebuilds the core nodes from their sources (needs the toolchain that nodes/build.sh names).
nodes:
	nodes/build.sh

# clean removes what build and run made.
clean:
	rm -rf levee $(DEMO)
