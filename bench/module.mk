# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's half of the benchmarks; bench/run boots it.

BENCH_GUEST := $(BUILD)/guest/bench-guest

$(BENCH_GUEST): bench/bench-guest.c tests/driver/guest.h tests/unit/tap.h \
		$(wildcard include/uapi/linux/pmpool*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/driver -Itests/unit -static -o $@ $<
