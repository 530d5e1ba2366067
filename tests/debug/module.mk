# SPDX-License-Identifier: GPL-2.0-only
#
# Programs for the debug kernel, and the driver built for it with its KUnit
# tests. tests/vm/vm debug-kernel builds that kernel, which takes a while, so
# nothing but `make debug-module` asks for it.

DEBUG_TESTS := $(patsubst %,$(BUILD)/guest/%,test-failnth test-stress test-fuzz test-kernel)
GUEST_TESTS += $(DEBUG_TESTS)

$(DEBUG_TESTS): $(BUILD)/guest/%: tests/debug/%.c tests/debug/debug.h tests/driver/guest.h \
		tests/unit/tap.h $(wildcard include/uapi/linux/pmpool*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/unit -Itests/driver -static -pthread -o $@ $<

# usage: $(call for-kernel,DIR): removes DIR if it was built for another kernel than
# $kdir, which kbuild does not notice when that one is older.
for-kernel = if [ "$$(cat $(1)/kdir 2>/dev/null)" != "$$kdir" ]; then \
	rm -rf $(1) && mkdir -p $(1) && echo "$$kdir" >$(1)/kdir; fi

.PHONY: debug-module
debug-module:
	@mkdir -p $(BUILD)/debug
	@# Two tests may ask for it at the same time.
	exec 9>$(BUILD)/debug/lock && flock 9 && \
	kdir=$$(tests/vm/vm debug-kernel --kdir) && \
	$(call for-kernel,$(BUILD)/debug/module) && $(call for-kernel,$(BUILD)/debug/letgo) && \
	$(MAKE) --no-print-directory module \
		BUILD=$(BUILD)/debug KDIR="$$kdir" KARGS="W=1 CONFIG_PMPOOL_KUNIT_TEST=m" && \
	ln -sf $(CURDIR)/tests/debug/letgo.c $(BUILD)/debug/letgo/ && \
	echo 'obj-m := letgo.o' >$(BUILD)/debug/letgo/Makefile && \
	$(MAKE) -C "$$kdir" M=$(BUILD)/debug/letgo modules
