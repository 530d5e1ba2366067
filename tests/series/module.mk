# SPDX-License-Identifier: GPL-2.0-only
#
# Programs for the kernel of the series, and the module through which they call
# it. tests/vm/vm debug-kernel builds that kernel, which takes a while, so nothing
# but `make series-module` asks for it.

SERIES_TESTS := $(patsubst %,$(BUILD)/guest/%,test-row test-trip test-held test-both test-order test-deposit test-lies \
	test-cma)
GUEST_TESTS += $(SERIES_TESTS)

$(SERIES_TESTS): $(BUILD)/guest/%: tests/series/%.c tests/series/series.h tests/driver/next.h \
		$(guest-headers)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/unit -Itests/driver -static -o $@ $<

.PHONY: series-module
series-module:
	@mkdir -p $(BUILD)
	kdir=$$(tests/vm/vm debug-kernel --kdir) && $(call for-kernel,$(BUILD)/series) && \
		ln -sf $(abspath $(wildcard tests/series/module/*)) $(BUILD)/series/ && \
		$(MAKE) -C "$$kdir" M=$(BUILD)/series KBUILD_MODPOST_WARN= modules
