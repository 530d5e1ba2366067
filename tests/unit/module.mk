# SPDX-License-Identifier: GPL-2.0-only
#
# The driver's own format.c and space.c, built in user space with the few kernel
# headers of userspace/kernel, under AddressSanitizer and UBSan.

UNIT_TESTS += $(BUILD)/test/test-format $(BUILD)/test/test-space

DRIVER_TEST_CFLAGS = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-isystem userspace/kernel -Iinclude/uapi -Idrivers/misc/pmpool -Itests/unit

$(BUILD)/test/test-format: tests/unit/test-format.c drivers/misc/pmpool/format.c \
		drivers/misc/pmpool/format.h tests/unit/stored.h tests/unit/tap.h \
		include/uapi/linux/pmpool_format.h $(wildcard userspace/kernel/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(DRIVER_TEST_CFLAGS) -include tests/unit/stored.h \
		-o $@ $(filter %.c,$^)

$(BUILD)/test/test-space: tests/unit/test-space.c drivers/misc/pmpool/space.c \
		drivers/misc/pmpool/space.h tests/unit/tap.h $(wildcard userspace/kernel/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(DRIVER_TEST_CFLAGS) -o $@ $(filter %.c,$^)
