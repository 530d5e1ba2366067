# SPDX-License-Identifier: GPL-2.0-only
#
# Programs for the minimal guest: static, and talking to the driver itself.

GUEST_TESTS += $(BUILD)/guest/test-driver $(BUILD)/guest/test-kexec

$(BUILD)/guest/test-%: tests/driver/test-%.c tests/driver/guest.h tests/unit/tap.h \
		$(wildcard include/uapi/linux/pmpool*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/unit -static -o $@ $<
