# SPDX-License-Identifier: GPL-2.0-only
#
# `make help` lists the targets. The module's own Kbuild file, for use inside a
# kernel tree as well, is drivers/misc/pmpool/Makefile.

BUILD ?= $(CURDIR)/build
VERSION := 0.1.0
PREFIX ?= /usr
CC = gcc
CFLAGS ?= -O2 -g
CPPFLAGS += -I$(CURDIR)/include/uapi -Iuserspace/libpmpool -D_GNU_SOURCE
override CFLAGS += -std=gnu11 -Wall -Wextra -Werror -fno-strict-aliasing

# The newest stock kernel whose headers are installed, or were unpacked by
# bootstrap, unless said otherwise.
CACHE := $(or $(PMPOOL_CACHE),$(HOME)/.cache/pmpool)
HEADERS := $(wildcard /usr/src/linux-headers-6.12*-cloud-amd64 \
	$(CACHE)/headers/*/usr/src/linux-headers-6.12*-cloud-amd64)
KVER ?= $(shell printf '%s\n' $(HEADERS) | sed 's/.*linux-headers-//' | sort -V | tail -n 1)
KDIR ?= $(firstword $(filter %/linux-headers-$(KVER),$(HEADERS)))

# Say what is done only when asked: `make V=1`.
ifndef V
MAKEFLAGS += -s
endif

PROGRAMS :=
UNIT_TESTS :=
SCRIPT_TESTS := tests/test-run tests/test-targets
GUEST_TESTS :=

.PHONY: all
all: module programs

include userspace/libpmpool/module.mk
include userspace/pmpoolctl/module.mk
include userspace/pmpoold/module.mk
include userspace/examples/pmkv/module.mk
include userspace/python/module.mk
include systemd/module.mk
include udev/module.mk
include dbus/module.mk
include completions/module.mk
include tests/unit/module.mk
include tests/driver/module.mk
include tests/crash/module.mk
include tests/fixtures/module.mk
include tests/fuzz/module.mk
include tests/soak/module.mk
include tests/debug/module.mk
include tests/series/module.mk
include bench/module.mk
include packaging/module.mk

.PHONY: programs module tests
programs: $(LIB) $(LIB_STATIC) $(PROGRAMS)
tests: $(UNIT_TESTS) $(GUEST_TESTS)

# Kbuild writes beside the sources it reads; links keep the tree clean.
MODULE_SRC := $(wildcard drivers/misc/pmpool/*.[ch]) drivers/misc/pmpool/Makefile
module: $(BUILD)/module/pmpool.ko
$(BUILD)/module/pmpool.ko: $(MODULE_SRC) $(wildcard include/uapi/linux/pmpool*.h)
	@test -e "$(KDIR)/Makefile" || { echo "no kernel headers in '$(KDIR)':" \
		"run ./bootstrap setup, or give KVER= or KDIR=" >&2; exit 1; }
	@mkdir -p $(@D)
	@ln -sf $(abspath $(MODULE_SRC)) $(@D)/
	$(MAKE) -C $(KDIR) M=$(@D) CONFIG_PMPOOL=m KCFLAGS="-I$(CURDIR)/include -I$(CURDIR)/include/uapi" \
		$(KARGS) modules
	@touch $@

.PHONY: install install-userspace install-module
install: install-module install-userspace

install-userspace: install-lib install-pmpoolctl install-pmpoold install-pmkv install-systemd \
	install-udev install-dbus install-completions install-python
	install -d $(DESTDIR)$(PREFIX)/share/man/man4
	install -m 0644 man/pmpool.4 $(DESTDIR)$(PREFIX)/share/man/man4

install-module: module
	install -d $(DESTDIR)$(PREFIX)/lib/modules/$(KVER)/updates
	install -m 0644 $(BUILD)/module/pmpool.ko $(DESTDIR)$(PREFIX)/lib/modules/$(KVER)/updates
	$(if $(DESTDIR),,depmod $(KVER))

# What is put into the guests: an installation in a directory.
.PHONY: stage image
stage: all
	rm -rf $(BUILD)/stage.new
	$(MAKE) --no-print-directory -s install DESTDIR=$(BUILD)/stage.new
	rm -rf $(BUILD)/stage
	mv $(BUILD)/stage.new $(BUILD)/stage

image: stage
	@test "$$(tests/vm/vm kernel-release)" = "$(KVER)" || { echo "the module is built for" \
		"'$(KVER)', guests have '$$(tests/vm/vm kernel-release)': run ./bootstrap setup" \
		>&2; exit 1; }
	tests/vm/vm build --product $(BUILD)/stage

# The same for the kernel of the series, which is built first, once.
.PHONY: series-image
series-image: programs debug-module
	rm -rf $(BUILD)/series-stage.new
	$(MAKE) --no-print-directory -s install-userspace DESTDIR=$(BUILD)/series-stage.new
	release=$$(tests/vm/vm debug-kernel --release) && \
		install -D -m 0644 $(BUILD)/debug/module/pmpool.ko \
		$(BUILD)/series-stage.new$(PREFIX)/lib/modules/$$release/updates/pmpool.ko
	rm -rf $(BUILD)/series-stage
	mv $(BUILD)/series-stage.new $(BUILD)/series-stage
	tests/vm/vm build --series --product $(BUILD)/series-stage

# What lasts longest starts first, as long as tests/run does not know better.
LONG_BATS := tests/bats/debug.bats tests/bats/series.bats tests/bats/soak.bats

.PHONY: check demo demo-series bench lint
# For machines with slower processors, see tests/vm/README.md.
check: export PMPOOL_PATIENCE ?= 3
check:
	tests/run --logs $(BUILD)/logs \
		$(addprefix build:,all tests $(BUILD)/guest/pmpool.ko image deb series-image) \
		$(UNIT_TESTS:%=unit:%) $(SCRIPT_TESTS:%=script:%) \
		lint:tests/lint make:crashtest make:fuzz make:demo-series \
		$(addprefix bats:,$(LONG_BATS) $(filter-out $(LONG_BATS),$(wildcard tests/bats/*.bats)))

# What KERNEL= says is looked at by make itself: a comma in a message inside $(if)
# would end the argument, and $(error) takes one alone.
ifeq ($(KERNEL),)
demo: image
	@tests/demo
else ifeq ($(KERNEL),series)
demo: demo-series
else
demo:
	$(error KERNEL=$(KERNEL): it can be series, or nothing for the stock kernel)
endif

demo-series: series-image
	@tests/demo --series

bench: all $(BENCH_GUEST) pmkv-static pmkv-load-static
	@bench/run

lint:
	@tests/lint

.PHONY: clean help
clean:
	rm -rf $(BUILD)

help:
	@echo "make            build the module, the library and the programs into build/"
	@echo "make demo       boot a guest and show the main job in it; KERNEL=series for the patched kernel"
	@echo "make check      every test; 'tests/run --help' runs some of them"
	@echo "make crashtest  stop the world after every store to the metadata"
	@echo "make fuzz       attach hostile images, for SECONDS= seconds"
	@echo "make soak       kexec in the middle of a workload, CYCLES= times"
	@echo "make lint       every style check"
	@echo "make bench      figures, measured in guests"
	@echo "make install    DESTDIR=, PREFIX=/usr, KVER= the kernel to install the module for"
	@echo "make deb        Debian packages, in build/deb/"
	@echo "make V=1 ...    show the commands"
	@echo "make clean      remove build/"
