# `make boot` and `make test` are all that a newcomer needs; both set up everything they use.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

# Programs that the tests judge by, and the Debian packages that hold them.
DEBIAN_PACKAGES = python3-venv qemu-user qemu-system-ppc qemu-system-data binutils-powerpc64le-linux-gnu \
                  gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross \
                  gcc-powerpc64-linux-gnu libc6-dev-ppc64-cross gdb-multiarch \
                  device-tree-compiler linux-perf gcc libc6-dev chromium diod \
                  qemu-utils passt nbdkit e2fsprogs genisoimage grub-common dnsmasq-base
PROGRAMS        = qemu-ppc64le qemu-system-ppc64 powerpc64le-linux-gnu-as \
                  powerpc64le-linux-gnu-gcc powerpc64-linux-gnu-gcc qemu-ppc64 \
                  gdb-multiarch dtc perf gcc chromium \
                  qemu-nbd passt nbdkit mke2fs genisoimage dnsmasq

.NOTPARALLEL:
.PHONY: help boot test test-debian test-power-loss test-smp test-network test-disks machines test-firmware test-big-endian \
        be-kernel lint tools clean
help:
	@echo 'make boot   set up, fetch the Debian installer for ppc64el and boot it (Ctrl-A X quits)'
	@echo 'make test   set up, then lint, types, import contract and all tests'
	@echo 'make test-debian   make a Debian system and use it; takes long'
	@echo 'make test-power-loss   kill jitppc 68 times while guests write to their disks'
	@echo 'make test-disks   fio on every kind of disk; takes minutes'
	@echo 'make test-smp   machines of several processors: 2 times 100 boots, an hour of litmus tests and stress-ng'
	@echo 'make test-network   a gibibyte each way and thousands of connections; takes minutes'
	@echo 'make machines   boot a kernel on every kind of machine and write docs/machines.md'
	@echo 'make test-firmware   boot everything that firmware can boot, by SLOF too'
	@echo 'make test-big-endian   build big-endian kernels from linux-source and boot them'
	@echo 'make lint   lint, types and import contract only'
	@echo 'make clean  remove the virtual environment and what the tools left'

# Starts are a third of a second shorter with it, also where PYTHONDONTWRITEBYTECODE is set.
BYTECODE = @$(BIN)/python -m compileall -q jitppc

boot: $(VENV)/.installed-cli
	$(BYTECODE)
	$(BIN)/jitppc boot $(BOOT_FLAGS)

test: tools lint
	$(BYTECODE)
	$(BIN)/pytest -n 2 $(PYTEST_FLAGS)

# Minutes to an hour: a Debian system is made (once, in DEBIAN_DIR) and used.
DEBIAN_DIR ?= $(HOME)/.cache/jitppc-test-debian
test-debian: tools $(VENV)/.installed-dev
	$(BIN)/pytest --debian $(DEBIAN_DIR) tests/guest/test_debian_system.py $(PYTEST_FLAGS)

test-disks: tools $(VENV)/.installed-dev
	$(BIN)/pytest -s --fio-mib 64 tests/guest/test_disk_integrity.py $(PYTEST_FLAGS)

test-power-loss: tools $(VENV)/.installed-dev
	$(BIN)/pytest --power-losses 17 tests/guest/test_power_loss.py $(PYTEST_FLAGS)

SMP_BOOTS ?= 100
SMP_SECONDS ?= 3600
test-smp: tools $(VENV)/.installed-dev
	$(BIN)/pytest -s --smp-boots $(SMP_BOOTS) --smp-seconds $(SMP_SECONDS) tests/guest/test_smp_guest.py $(PYTEST_FLAGS)

test-network: tools $(VENV)/.installed-dev
	$(BIN)/pytest -s --network-mib 1024 tests/guest/test_network_proof.py $(PYTEST_FLAGS)

# A run that was ended goes on; JOBS machines at a time. MACHINES_FLAGS: --all, --fresh, --only REGEX.
JOBS ?= 2
machines: tools $(VENV)/.installed-dev
	$(BIN)/python tests/guest/machine_table.py --jobs $(JOBS) $(MACHINES_FLAGS)

# Minutes each: everything that firmware boots; kernels from linux-source (an hour, once).
test-firmware: tools $(VENV)/.installed-dev
	$(BIN)/pytest --firmware-table tests/guest/test_firmware.py $(PYTEST_FLAGS)

be-kernel: $(VENV)/.installed-dev
	$(BIN)/python tests/guest/be_kernel.py $(VARIANTS)

test-big-endian: tools be-kernel
	$(BIN)/pytest --firmware-table tests/guest/test_firmware.py -k big_endian $(PYTEST_FLAGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# With root and apt-get the missing packages are installed; otherwise they are named in one line and
# the tests that need them are skipped (in CI they fail).
tools:
	@missing=; for p in $(PROGRAMS); do command -v $$p >/dev/null || missing="$$missing $$p"; done; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing what is missing:$$missing"; \
	    apt-get update -q || true; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(DEBIAN_PACKAGES); \
	else \
	    echo "missing:$$missing; for all tests, as root: apt-get install $(DEBIAN_PACKAGES)"; \
	fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'jitppc needs Python 3.11 or newer; say which with PYTHON=...'; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); echo 'no virtual environment: as root, apt-get install python3-venv'; exit 2; }

$(VENV)/.installed-cli: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[cli]'
	$(BIN)/jitppc prepare
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[cli,dev]'
	@touch $@ $(VENV)/.installed-cli

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
