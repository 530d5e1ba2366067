# SPDX-License-Identifier: GPL-2.0-only
#
# Programs for the minimal guest: static, and talking to the driver itself.

GUEST_TESTS += $(patsubst %,$(BUILD)/guest/%,test-driver test-driver32 test-kexec test-map \
	test-lend test-lend-kexec test-lend-force test-kexec-load test-slow)

guest-headers := $(wildcard tests/driver/*.h) tests/unit/tap.h $(wildcard include/uapi/linux/pmpool*.h)

$(BUILD)/guest/test-%: tests/driver/test-%.c $(guest-headers)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/unit -static -o $@ $<

$(BUILD)/guest/test-map $(BUILD)/guest/test-slow: CFLAGS += -pthread

# A 32-bit program has to get the same results.
$(BUILD)/guest/test-driver32: tests/driver/test-driver.c $(guest-headers)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -m32 -D_FILE_OFFSET_BITS=64 -Itests/unit -static -o $@ $<
