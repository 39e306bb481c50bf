# `make` alone says what there is. On Windows and macOS use cargo directly: `cargo run`, `cargo test`.

.DEFAULT_GOAL := help
.PHONY: help run test test-devices test-network soak bench fuzz packages

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F '#' '{ printf "%-22s %s\n", $$1, $$2 }'

run: ## Open the window (without a display: check the whole way from source to viewer)
	@scripts/system-packages.sh run
	@scripts/run.sh

test: ## Run everything that is checked before a change is accepted
	@scripts/system-packages.sh test
	@scripts/test.sh

test-devices: ## Test camera and microphone against real drivers, in a small virtual machine
	@scripts/system-packages.sh devices
	@tests/labs/devices/test.sh

test-network: ## Break real links under real servers, beside FFmpeg and GStreamer (needs root)
	@scripts/system-packages.sh network
	@tests/labs/network/test.sh

SOAK_MINUTES ?= 20
soak: ## Stream for 20 minutes (SOAK_MINUTES) with a fault every 30 s: memory, threads and files stay flat (needs root)
	@scripts/system-packages.sh network
	@tests/labs/network/test.sh soak $(SOAK_MINUTES)

# With the profile that everything else is built with: `cargo bench` alone builds all dependencies once more.
bench: ## Count the instructions per frame by stage, beside FFmpeg's and GStreamer's; print the scorecard of staying live
	@scripts/system-packages.sh test
	@scripts/interop-peers.sh clips
	@cargo bench --quiet --profile dev --no-fail-fast </dev/null

fuzz: ## Feed arbitrary bytes to the protocol and to what decodes a camera's pictures, ten minutes per target (needs nightly Rust and cargo-fuzz)
	@scripts/fuzz.sh $(FUZZ_SECONDS)

packages: ## Install the system packages that the targets above need
	@scripts/system-packages.sh all
