# SPDX-License-Identifier: GPL-2.0-only
#
# Every crash point of the driver's own format.c: `make crashtest`. The unit
# tests have a short form of it with sanitizers, and what shows that it can fail.

UNIT_TESTS += $(BUILD)/test/test-crash
SCRIPT_TESTS += tests/crash/mutants

CRASH_CFLAGS = -isystem userspace/kernel -Iinclude/uapi -Idrivers/misc/pmpool -Itests/crash \
	-include tests/crash/hooks.h
CRASH_SOURCES = tests/crash/crashtest.c tests/crash/crc32c.c \
	drivers/misc/pmpool/format.c drivers/misc/pmpool/hold.c drivers/misc/pmpool/space.c
CRASH_HEADERS = tests/crash/hooks.h tests/crash/crc32c.h drivers/misc/pmpool/format.h drivers/misc/pmpool/space.h \
	drivers/misc/pmpool/hold.h drivers/misc/pmpool/compat.h $(wildcard include/uapi/linux/pmpool_*.h) \
	$(wildcard userspace/kernel/*/*.h)

$(BUILD)/crashtest: $(CRASH_SOURCES) $(CRASH_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(CRASH_CFLAGS) -o $@ $(filter %.c,$^)

$(BUILD)/test/test-crash: $(CRASH_SOURCES) $(CRASH_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(CRASH_CFLAGS) -DCRASHTEST_SHORT -fsanitize=address,undefined \
		-fno-sanitize-recover=all -o $@ $(filter %.c,$^)

.PHONY: crashtest
crashtest: $(BUILD)/crashtest
	@$<
