# SPDX-License-Identifier: GPL-2.0-only
#
# The driver's own format.c, hold.c and space.c, built in user space with the few kernel
# headers of userspace/kernel, under AddressSanitizer and UBSan.

UNIT_TESTS += $(BUILD)/test/test-format $(BUILD)/test/test-space $(BUILD)/test/test-hold

DRIVER_TEST_CFLAGS = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-isystem userspace/kernel -Iinclude/uapi -Idrivers/misc/pmpool -Itests/unit

$(BUILD)/test/test-format $(BUILD)/test/test-hold: $(BUILD)/test/%: tests/unit/%.c \
		drivers/misc/pmpool/format.c drivers/misc/pmpool/hold.c \
		drivers/misc/pmpool/format.h drivers/misc/pmpool/hold.h tests/unit/stored.h \
		tests/unit/tap.h $(wildcard include/uapi/linux/pmpool_*.h userspace/kernel/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(DRIVER_TEST_CFLAGS) -include tests/unit/stored.h \
		-o $@ $(filter %.c,$^)

$(BUILD)/test/test-space: tests/unit/test-space.c drivers/misc/pmpool/space.c \
		drivers/misc/pmpool/space.h tests/unit/tap.h $(wildcard userspace/kernel/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(DRIVER_TEST_CFLAGS) -o $@ $(filter %.c,$^)
