# SPDX-License-Identifier: GPL-2.0-only
#
# Kernels that end in the middle of things. `make soak CYCLES=300` runs the kexec
# loop; SEED= makes the workers do what they did in another run.

CYCLES ?= 10
SOAK_GUEST := $(BUILD)/guest/soak $(BUILD)/guest/pmpool.ko
FAULT_GUESTS := $(BUILD)/guest/test-panic $(BUILD)/guest/test-wrong
GUEST_TESTS += $(BUILD)/guest/soak $(FAULT_GUESTS) $(BUILD)/pmkv-static $(BUILD)/pmkv-load-static

# How they are built is in tests/driver/module.mk.
$(FAULT_GUESTS): tests/driver/next.h

$(BUILD)/guest/soak: tests/soak/soak.c tests/driver/next.h tests/driver/guest.h \
		tests/unit/tap.h $(wildcard include/uapi/linux/pmpool*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/driver -Itests/unit -static -o $@ $<

# Every kexec reads and sums up the initramfs: without what only a debugger needs
# it is much smaller.
$(BUILD)/guest/pmpool.ko: $(BUILD)/module/pmpool.ko
	@mkdir -p $(@D)
	strip --strip-debug -o $@ $<

.PHONY: soak
soak: $(SOAK_GUEST)
	@PMPOOL_BUILD=$(BUILD) tests/soak/run $(if $(SEED),--seed $(SEED)) $(CYCLES)
