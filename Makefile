# make help lists the targets.
GO       ?= go
BIN      := bin
TOOL     := $(GO) tool -modfile=hack/tools.mod
PROGRAMS := ./appliance/cmd/seederd ./appliance/cmd/provisiond ./seeder/cmd/cobox ./provision/cmd/coboxctl ./image/cmd/mkimage

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the programs into ./bin
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ $(PROGRAMS)

.PHONY: run
run: build ## run a box on this computer, state under ./var
	@$(GO) run ./hack/demo run -bin $(BIN) -state var

.PHONY: demo
demo: build ## back up, lose and restore a real folder through a real box
	@$(GO) run ./hack/demo demo -bin $(BIN)

.PHONY: image
image: ## an image to flash onto a card: make image BOARD=rpi (or arm64, amd64) KEYS=FILE
	@test -n "$(BOARD)" || { echo "say for which board: make image BOARD=rpi, arm64 or amd64" >&2; exit 2; }
	$(GO) run ./image/cmd/mkimage build -board "$(BOARD)" -source . $(if $(KEYS),-keys "$(KEYS)")

.PHONY: release-keys
release-keys: ## keys for releases of your own: make release-keys NAME=example.org DIR=FOLDER
	@test -n "$(NAME)" -a -n "$(DIR)" || { echo "say whose keys and where: make release-keys NAME=example.org DIR=~/release" >&2; exit 2; }
	$(GO) run ./image/cmd/mkimage release-keys -name "$(NAME)" -o "$(DIR)"

.PHONY: test-image
test-image: ## build images twice and have other programs look at them; BOARDS=rpi,arm64,amd64
	hack/setup-e2e image
	$(GO) test ./image/fat ./image/squashfs
	$(GO) test ./image/build -boards "$${BOARDS:-rpi,arm64,amd64}" -count=1 -timeout 30m -v

.PHONY: test
test: ## run all tests
	$(GO) test ./...

.PHONY: test-root
test-root: ## the tests that become another user, mount full, small, and read-only disks, flash a loop device, and give a box a data disk; as root, on Linux
	$(GO) test ./seeder/store -mounts
	$(GO) test ./seeder/cmd/cobox -run TestStoriesOfDisks -mounts -count=1
	$(GO) test ./image/flash -loop
	$(GO) test ./appliance/boot -run Case59 -count=1
	$(GO) test ./hack/rig/disk -disks -count=1 -timeout 20m

NODE_MODULES := hack/interop/node_modules/.package-lock.json

$(NODE_MODULES): hack/interop/package-lock.json
	cd hack/interop && npm ci --no-audit --no-fund
	@touch $@

.PHONY: interop
interop: $(NODE_MODULES) ## unmodified JavaScript Hypercore peers against a real box; needs Node 20 or later
	$(GO) test ./hack/interop -interop -count=1 -timeout 20m

.PHONY: setup-e2e
setup-e2e: ## install the Debian packages that the targets below need; as root
	hack/setup-e2e

CAMERA_MODULES := hack/camera/node_modules/.package-lock.json

$(CAMERA_MODULES): hack/camera/package-lock.json
	cd hack/camera && npm ci --no-audit --no-fund
	@touch $@

.PHONY: camera
camera: $(CAMERA_MODULES) ## labels read by zbarimg and by ourselves, and a browser with a camera
	hack/setup-e2e camera
	$(GO) test ./hack/camera -camera -count=1 -timeout 15m

PAGE_MODULES := hack/page/node_modules/.package-lock.json

$(PAGE_MODULES): hack/page/package-lock.json
	cd hack/page && npm ci --no-audit --no-fund
	@touch $@

.PHONY: e2e-page
e2e-page: $(PAGE_MODULES) ## the status page in a browser, with axe; photographs in dist/page
	hack/setup-e2e page
	$(GO) test ./hack/page -page -count=1 -timeout 20m

.PHONY: e2e-fleet
e2e-fleet: ## the README's monitoring section as it stands, with a real Prometheus; as root
	hack/setup-e2e metrics
	$(GO) test ./hack/fleet -prometheus -count=1 -timeout 10m

MONITOR_MODULES := hack/rig/monitor/node_modules/.package-lock.json

$(MONITOR_MODULES): hack/rig/monitor/package-lock.json
	cd hack/rig/monitor && npm ci --no-audit --no-fund
	@touch $@

.PHONY: e2e-metrics
e2e-metrics: $(MONITOR_MODULES) ## a real Prometheus and Alertmanager watch a box; as root
	hack/setup-e2e metrics
	node hack/rig/monitor/schema.mjs metrics/grafana/*.json
	$(GO) test ./hack/rig/monitor -monitor -count=1 -timeout 20m

.PHONY: netns
netns: ## boxes and people behind NAT and on a LAN, in network namespaces; as root
	hack/setup-e2e netns
	$(GO) test ./hack/rig/netns -netns -run "$${NETNS:-Test}" -count=1 -timeout 15m

.PHONY: arm64
arm64: ## tests of what is written for arm64 alone, under qemu
	hack/setup-e2e arm64
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -exec qemu-aarch64 ./seeder/lanes ./seeder/salsa

BOARD_virt    := arm64
BOARD_raspi3b := rpi
MACHINE       ?= virt

.PHONY: boot
boot: build ## boot a freshly flashed box in QEMU (MACHINE=virt or raspi3b), under ./var/boot, and print its label and ports
	hack/setup-e2e boot
	$(BIN)/mkimage build -board $(BOARD_$(MACHINE)) -o var/boot/cobox-$(BOARD_$(MACHINE)).img
	@$(GO) run ./appliance/boottest/cmd/boot -board $(MACHINE) -image var/boot/cobox-$(BOARD_$(MACHINE)).img

.PHONY: boottest
boottest: ## boxes in QEMU: pair, back up, restore, damaged and moved and full cards; BOOTTEST=TestFirstBoot for some
	hack/setup-e2e boot
	$(GO) test ./appliance/boottest -boot -run "$${BOOTTEST:-.}" -v -count=1 -timeout 60m

.PHONY: boot-times
boot-times: ## how long a paired box in QEMU takes to answer and to seed, STARTS (3) times
	hack/setup-e2e boot
	$(GO) test ./appliance/boottest -boot -run TestStarts -starts $${STARTS:-3} -v -count=1 -timeout 60m

.PHONY: powercut
powercut: ## cut a box's power CUTS (50) times while data comes in, in QEMU
	hack/setup-e2e boot
	$(GO) test ./appliance/boottest -boot -run TestPowerCut -cuts $${CUTS:-50} -v -count=1 -timeout 180m

.PHONY: boot-raspi
boot-raspi: ## a Raspberry Pi 3 in QEMU with its real kernel: boot, pair, back up, restore; slow
	hack/setup-e2e boot
	$(GO) test ./appliance/boottest -boot -raspi -run TestRaspi -v -count=1 -timeout 60m

.PHONY: bench-peers
bench-peers: build ## the box beside restic, borg and Syncthing: folders there and back; takes an hour
	hack/setup-e2e bench
	$(GO) run ./hack/bench/peers -bin $(BIN)

.PHONY: bench-links
bench-links: build ## what a backup and a restore get of long lines, beside iperf3; as root, twenty minutes
	hack/setup-e2e links
	$(GO) build -o $(BIN)/bench ./hack/bench
	$(BIN)/bench -bin $(BIN) -links -mib 64

.PHONY: bench-interop
bench-interop: build $(NODE_MODULES) ## the box beside a blind store in JavaScript, with the same peers
	$(GO) run ./hack/interop/bench -bin $(BIN)

.PHONY: bench-fleet
bench-fleet: build ## coboxctl fleet with a hundred boxes on this computer
	$(GO) run ./hack/fleet -bin $(BIN)

.PHONY: check
check: ## formatting, vet, linters, tidiness, floor plan, all tests with the race detector
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) errcheck -ignoretests -exclude hack/errcheck.txt ./...
	$(GO) mod tidy -diff
	$(GO) test ./hack/arrows
	$(GO) test -race -shuffle=on ./...

.PHONY: licences
licences: ## the modules that we give away, and their licences
	$(GO) run ./hack/licences

.PHONY: vuln
vuln: ## known vulnerabilities in what our programs call; needs vuln.go.dev
	$(GO) tool -modfile=hack/tools.mod govulncheck ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (60s)
	@hack/fuzz.sh $${FUZZTIME:-60s}

# Seeds that were not tried the night before: so many for each day since 1970.
NIGHT_SEEDS := 20000

.PHONY: nightly
nightly: ## what takes a night: fuzz 10 minutes each, all boot tests, power cuts, seeds of torture, kill200, soak
	@failed=; night() { echo "== make $$*"; $(MAKE) "$$@" || failed="$$failed $$1"; }; \
	export FUZZTIME=10m FROM=$$(($$(date +%s) / 86400 * $(NIGHT_SEEDS) + 1)); \
	night fuzz; night boottest; night boot-raspi; night powercut; night torture SEEDS=$(NIGHT_SEEDS); night kill200; night soak; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

# In pieces, so that all processors are used: a seed uses little more than one.
.PHONY: torture
torture: ## break boxes on purpose: SEEDS (100000) worlds, for FOR (no end) at the longest
	@hack/rig/torture/run.sh $${SEEDS:-100000} $${FOR:-0}

.PHONY: kill200
kill200: ## kill -9 a real seederd KILLS (200) times while blocks come in
	$(GO) test ./hack/rig/kill -kills $${KILLS:-200} -v -count=1 -timeout 60m

.PHONY: soak
soak: ## two boxes under all that people do at once, one killed each minute, for SOAK (2h); ends with a table
	$(GO) test ./hack/rig/soak -run TestSoak -for $${SOAK:-2h} -every 1m -v -count=1 -timeout 0

.PHONY: bench
bench: build ## Go benchmarks, then ingest and restore of 1 GiB through a real box
	$(GO) test -run '^$$' -bench . -benchtime 1s ./seeder/...
	$(GO) run ./hack/bench -bin $(BIN)

.PHONY: bench-guard
bench-guard: ## hot paths beside hack/bench/guard/recorded.txt: fails when one is a fifth slower; RECORD=1 records
	$(GO) run ./hack/bench/guard $(if $(RECORD),-record)

.PHONY: clean
clean: ## remove what the other targets built
	rm -rf $(BIN)
