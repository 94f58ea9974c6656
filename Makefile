# Hearth's Makefile. `make run` and `make test` do all set-up on a fresh Debian 12 or 13 with Go and Node.js;
# what they install and why is said before it happens. Second runs start in seconds.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION) -X hearth/storage/format.Program=$(VERSION)
CACHE   := .cache
need    := packaging/need.sh
ffenv   := eval "$$(packaging/ffmpeg/env.sh)"

# What apt has to bring, and what for.
BUILD_PACKAGES := gcc pkg-config nasm meson ninja-build libva-dev libdrm-dev dpkg-dev xz-utils patch
TEST_PACKAGES  := ffmpeg chromium gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base \
                  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad fonts-dejavu-core age libnss3-tools \
                  openssl iproute2 e2fsprogs mount util-linux strace
DEB_PACKAGES   := dpkg-dev xz-utils gzip
CROSS_amd64    := gcc-x86-64-linux-gnu
CROSS_arm64    := gcc-aarch64-linux-gnu
ARM64_PACKAGES := qemu-system-arm e2fsprogs ffmpeg xz-utils
INSTALL_PACKAGES := systemd-container mmdebstrap util-linux dpkg-dev
PACKAGE_TESTS := lintian piuparts autopkgtest
IMAGE_PACKAGES := mmdebstrap squashfs-tools dosfstools mtools fdisk zstd util-linux
IMAGE_TEST_PACKAGES := qemu-system-x86 ovmf mtools openssh-client ffmpeg
POWER_PACKAGES := qemu-system-x86 e2fsprogs xfsprogs ffmpeg xz-utils

GO_SOURCES := $(shell find cmd hwaccel nvr storage web -path web/ui -prune -o -type f \( -name '*.go' -o -name '*.[ch]' -o -path 'hwaccel/probe/*' \) -not -name '*_test.go' -print 2>/dev/null)
UI_SOURCES := $(shell find web/ui -path web/ui/node_modules -prune -o -path web/ui/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build everything and start the demo: simulated cameras, printed address
	@exec bin/hearth demo $(ARGS)

.PHONY: build
build: bin/hearth bin/hearth-vision ## build both programs and the page into bin/

bin/hearth: $(GO_SOURCES) go.mod go.sum web/ui/dist/index.html
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/hearth

bin/hearth-vision: $(GO_SOURCES) go.mod go.sum $(CACHE)/ffmpeg.ready
	@$(ffenv) && set -x && CGO_ENABLED=1 go build -trimpath -buildmode=pie -ldflags '$(LDFLAGS)' -o $@ ./cmd/hearth-vision

$(CACHE)/ffmpeg.ready: packaging/ffmpeg/build.sh packaging/ffmpeg/env.sh $(wildcard packaging/ffmpeg/*.patch)
	@$(need) "to build FFmpeg, which decodes the cameras' pictures" $(BUILD_PACKAGES)
	@packaging/ffmpeg/build.sh
	@mkdir -p $(@D) && touch $@

web/ui/node_modules/.ready: web/ui/package-lock.json
	@echo "Installing what builds the page (npm, into web/ui/node_modules)…"
	@cd web/ui && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.ready

web/ui/dist/index.html: $(UI_SOURCES) web/ui/node_modules/.ready
	cd web/ui && npm run --silent build
	@touch $@

.PHONY: test
test: test-page test-go test-sabotage ## run all tests, those in a real browser and against real RTSP servers included

.PHONY: test-tools
test-tools: $(CACHE)/ffmpeg.ready
	@$(need) "for the tests: real peers that Hearth is tested against" $(TEST_PACKAGES)

.PHONY: test-page
test-page: web/ui/node_modules/.ready
	cd web/ui && npm run --silent check && npm run --silent test

# e2e runs by itself after the others: it measures time to the first picture, and the other packages' tests would
# take the processor from it. So would the storm: one package after the other.
.PHONY: test-go
test-go: build test-tools
	@$(ffenv) && set -o pipefail && go test -timeout 20m $$(go list ./... | grep -v '/e2e')
	@$(ffenv) && go test -count=1 -timeout 30m -p 1 ./e2e/...

# Faults are planted in builds with this tag only, so their tests are too.
.PHONY: test-sabotage
test-sabotage: $(CACHE)/ffmpeg.ready ## mix cameras up in every place where they could be, and see that no picture comes out (2 minutes)
	@$(ffenv) && go test -count=1 -tags sabotage -run 'Sabotage' ./storage/... ./nvr/... ./web/...

# The kernel is Debian's, unpacked and not installed; it is as new as apt's lists are.
.PHONY: test-power
test-power: build ## pull the plug of a recording virtual machine, 25 times on ext4 and on XFS (about 40 minutes; not in test)
	@$(need) "for the test of power cuts: a virtual machine, its file systems, what reads its video" $(POWER_PACKAGES)
	@packaging/power/kernel.sh $(CACHE)/power/kernel
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $(CACHE)/power/init ./packaging/power/init
	HEARTH_POWER=$(abspath $(CACHE)/power) go test -count=1 -timeout 3h -v -run '^TestPower$$' $(ARGS) ./e2e

# For a machine that has the card; what it prints belongs in docs/design/hardware.md. HARDWARE=vaapi and v4l2m2m likewise.
HARDWARE ?= cuda
.PHONY: test-nvdec
test-nvdec: build test-tools ## on a machine with an NVIDIA card: try NVDEC, hold its pictures against software's, print what it costs (2 minutes)
	bin/hearth hw --again
	@$(ffenv) && HEARTH_HARDWARE=$(HARDWARE) go test -count=1 -v -run '^TestThisMachinesHardware$$' ./hwaccel

.PHONY: test-kill
test-kill: build test-tools ## kill the running box 200 times under 8 cameras and count what is lost (about 10 minutes)
	HEARTH_KILLS=200 go test -count=1 -v -timeout 40m -run '^TestKill$$' ./e2e

# make test has twenty seconds of watching in it.
.PHONY: test-away
test-away: build test-tools ## reach the box from afar, in networks of the test's own: a phone, a router that loses packets, a stranger (3 minutes)
	HEARTH_AWAY_WATCH=60s go test -count=1 -v -timeout 15m -run '^TestAway$$' $(ARGS) ./e2e/away

# make test has three minutes of it.
ANSWERS ?= 1000000
.PHONY: test-storm
test-storm: build test-tools ## 200 people look at 64 cameras while everything fails: a million answers are held against the grants (about an hour)
	HEARTH_STORM=$(ANSWERS) go test -count=1 -v -timeout 6h -run '^TestStorm$$' $(ARGS) ./e2e/storm

# make test goes through some hundred of these, and through 10,000 of the committer and 5,200 of the index.
HISTORIES ?= 10000
.PHONY: test-histories
test-histories: ## take the whole store through 10,000 random histories on a disk that fails and forgets (20 minutes to an hour)
	HEARTH_HISTORIES=$(HISTORIES) go test -count=1 -v -timeout 3h -run '^TestHistories$$' ./storage

# The tool is not in go.mod: it adds nothing to Hearth itself.
$(CACHE)/tools/nfpm: packaging/tools.mk
	@echo "Building nfpm $(NFPM), which makes packages (once, a minute or two)…"
	@GOBIN=$(abspath $(CACHE)/tools) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM)
	@touch $@

# What is linked is Debian 12's libraries of the same architecture, fetched and not installed: packaging/cross.
ARCH ?= amd64 arm64
NATIVE := $(shell dpkg --print-architecture)
.PHONY: deb deb-amd64 deb-arm64
deb: $(ARCH:%=deb-%) ## make the Debian packages of ARCH (amd64 and arm64) in dist/
deb-amd64 deb-arm64: deb-%: web/ui/dist/index.html $(CACHE)/tools/nfpm
	@$(need) "to build for $*, and to make the package" $(BUILD_PACKAGES) $(DEB_PACKAGES) $(if $(filter $*,$(NATIVE)),,$(CROSS_$*))
	@packaging/deb/build.sh $(CACHE)/tools/nfpm $* dist

# docs/design/release.md: how a release is made.
.PHONY: release
release: deb ## the packages, the sources, a bill of materials and the sums of it all in dist/; RELEASE_KEY signs
	@packaging/release/build.sh dist

.PHONY: test-deb
test-deb: deb ## look into the packages, at what Debians and Ubuntus have for them, and make the same bytes elsewhere (20 minutes; not in test)
	HEARTH_PACKAGES=$(abspath dist) go test -count=1 -v -timeout 2h $(ARGS) ./e2e/deb

# Debians that boot in containers of systemd's, from the mirror that this machine's apt uses.
SUITES ?= trixie bookworm
.PHONY: test-install
test-install: deb-$(NATIVE) $(CACHE)/install/hearth-tomorrow $(foreach s,$(SUITES),$(CACHE)/install/$(s).tar) ## install, upgrade, break, remove and purge the package on Debian 13 and 12 (about 10 minutes; not in test)
	HEARTH_INSTALL="$(SUITES)" go test -count=1 -v -timeout 30m -run '^TestInstall$$' $(ARGS) ./e2e/install

.PHONY: test-package
test-package: deb-$(NATIVE) $(foreach s,$(SUITES),$(CACHE)/install/$(s).tar) ## Debian's own tests of the package: lintian, piuparts, autopkgtest (about 5 minutes; not in test)
	@$(need) "for Debian's tests of packages" $(PACKAGE_TESTS)
	@for suite in $(SUITES); do packaging/deb/test.sh "$$(ls -t dist/hearth_*_$$(dpkg --print-architecture).deb | head -n 1)" $(CACHE)/install/$$suite.tar $$suite || exit 1; done

# A version whose hearth.db has one more format.
$(CACHE)/install/hearth-tomorrow: $(GO_SOURCES) go.mod go.sum web/ui/dist/index.html
	CGO_ENABLED=0 go build -trimpath -tags tomorrow -ldflags '-s -w -X main.version=98.0 -X hearth/storage/format.Program=98.0' -o $@ ./cmd/hearth

# Debian's packages are the same ones each time; the machine has them installed after the first.
.PHONY: test-arm64
test-arm64: build deb-arm64 ## try the package of arm64 in a virtual machine of that architecture (10 minutes, the first time 20; not in test)
	@$(need) "for the virtual machine of arm64, and to read its video" $(ARM64_PACKAGES)
	@packaging/virtual/base.sh arm64 $(CACHE)/virtual/arm64
	@CGO_ENABLED=0 GOARCH=arm64 go build -trimpath -ldflags '-s -w' -o $(CACHE)/virtual/arm64/init ./packaging/power/init
	HEARTH_ARM64=$(abspath $(CACHE)/virtual/arm64) HEARTH_DEB=$(abspath $(shell ls -t dist/hearth_*_arm64.deb 2>/dev/null | head -n 1)) \
		go test -count=1 -v -timeout 2h -run '^TestArm64$$' $(ARGS) ./e2e

$(CACHE)/install/%.tar: packaging/install/base.sh
	@$(need) "to try the package on a Debian that boots" $(INSTALL_PACKAGES)
	@packaging/install/base.sh $* $@

# The image of a card or disk. What it holds besides Hearth is as new as what the mirrors have when it is made: its security
# updates with it. It is kept for a day.
IMAGE ?= amd64
image_base = $(CACHE)/image/base-$(IMAGE).tar
.PHONY: image
image: deb ## make the image of a card or disk from which a box starts, in dist/ (ten minutes the first time)
	@$(need) "to make the image of a card" $(IMAGE_PACKAGES)
	@[ -n "$$(find $(image_base) -newer packaging/image/packages -newer packaging/image/base.sh -mmin -1440 2>/dev/null)" ] || \
		packaging/image/base.sh $(IMAGE) $(image_base)
	@packaging/image/build.sh $(IMAGE) $(image_base) dist/hearth_$$(packaging/version.sh)_$(IMAGE).deb $(CACHE)/image/hearth-$(IMAGE).img
	@cp $(CACHE)/image/hearth-$(IMAGE).img.zst $(CACHE)/image/hearth-$(IMAGE).packages dist/

.PHONY: test-image
test-image: image ## start the image in a virtual machine by UEFI, record, cut the power, hang, reset (about 30 minutes; not in test)
	@$(need) "to start the image in a virtual machine" $(IMAGE_TEST_PACKAGES)
	HEARTH_IMAGE=$(abspath $(CACHE)/image/hearth-$(IMAGE).img) \
		go test -count=1 -timeout 3h -v -run '^TestImage' $(ARGS) ./e2e

.PHONY: lint
lint: build $(CACHE)/tools/golangci-lint ## formatting, vet, golangci-lint, govulncheck, svelte-check, eslint, prettier
	@$(ffenv) && $(CACHE)/tools/golangci-lint run ./...
	@packaging/vulncheck.sh
	cd web/ui && npm run --silent check && npm run --silent lint

$(CACHE)/tools/golangci-lint: packaging/tools.mk
	@echo "Building golangci-lint $(GOLANGCI_LINT) (once, a few minutes)…"
	@GOBIN=$(abspath $(CACHE)/tools) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@touch $@

.PHONY: fmt
fmt: $(CACHE)/tools/golangci-lint web/ui/node_modules/.ready ## format Go and the page
	$(CACHE)/tools/golangci-lint fmt ./...
	cd web/ui && npm run --silent format

.PHONY: bench
bench: bench-storage ## bench-storage, then what looking at pictures costs (about 9 minutes in all)
	go test -run '^$$' -bench Vision -benchtime 1x -timeout 30m $(ARGS) ./e2e

# Others that record, for the same cameras at the same time. What cannot be had is left out.
$(CACHE)/bench/mediamtx: packaging/mediamtx.sh
	@echo "Building MediaMTX to measure beside it (once, a few minutes)…"
	@mkdir -p $(@D) && (packaging/mediamtx.sh $@ || echo "It cannot be built here: its figures are left out.")

.PHONY: bench-storage
bench-storage: build test-tools $(CACHE)/bench/mediamtx ## measure all of storage, each figure beside its aim, MediaMTX and ffmpeg (2 GB, 5 minutes)
	@go run ./packaging/figures

# The footage is not in this repository. Whoever has some, with a program make-scenes that makes scenes of it and scenes.json
# that says what moves in them, names its folder; else yards are drawn.
HEARTH_FOOTAGE ?=
.PHONY: bench-motion
bench-motion: build test-tools ## judge the look for motion on scenes, its cost beside decoding everything (10 minutes; the first time much longer)
	@$(ffenv) && HEARTH_FOOTAGE=$(HEARTH_FOOTAGE) go run ./packaging/figures motion

.PHONY: bench-16
bench-16: build test-tools ## measure the whole box with 16 cameras, recorded and looked at: processor and memory (7 minutes)
	@go run ./packaging/figures sixteen

.PHONY: bench-away
bench-away: build test-tools ## measure remote access: throughput, requests, processor and memory (3 minutes)
	go test -run '^$$' -bench . -benchtime 3s $(ARGS) ./web/tunnel
	HEARTH_AWAY_WATCH=20s go test -count=1 -v -timeout 15m -run '^TestAway$$' $(ARGS) ./e2e/away | grep -E 'remote access:|live for|PASS|FAIL|SKIP'

.PHONY: clean
clean: ## remove what was built here (not recordings)
	rm -rf bin dist $(CACHE) web/ui/node_modules web/ui/dist/* test-results

include packaging/tools.mk
