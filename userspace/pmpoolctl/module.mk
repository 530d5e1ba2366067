# SPDX-License-Identifier: GPL-2.0-only
# pmpoolctl: the command line tool. Included from the top with paths relative
# to it, after userspace/libpmpool/module.mk.

BINDIR ?= $(PREFIX)/bin

pmpoolctl-dir := userspace/pmpoolctl
pmpoolctl-objs := $(patsubst %,$(BUILD)/obj/pmpoolctl/%.o, \
	bus check create daemon describe dump examine handover info kexec lend limit list main map \
	mend metadata metrics opinion options progress reason reconcile remove rename request \
	resize say set size source stage status table terminal user)
pmpoolctl-objs += $(patsubst %,$(BUILD)/obj/pmpoolctl/%.o,archive backings bootloader export import interrupt \
	ram reserve)
pmpoolctl-cppflags := $(shell pkg-config --cflags json-c libzstd)
pmpoolctl-libs := -lfdt $(shell pkg-config --libs json-c libzstd) -lxxhash
pmpoolctl-bus-libs := $(shell pkg-config --libs libsystemd)

# The driver's own code, and what uses it by driver.h.
pmpoolctl-driver-objs := $(patsubst %,$(BUILD)/obj/pmpoolctl/%.o,driver-format driver-hold driver-space)
pmpoolctl-objs += $(pmpoolctl-driver-objs)

# Static programs do without libsystemd, for there is no static one.
pmpoolctl-static-objs := $(pmpoolctl-objs:%/bus.o=%/nobus.o)

# The daemon's catalogs, command lines and images, with its own code.
pmpoolctl-catalog := catalog cmdline file image initrd report stage strlist
pmpoolctl-driver-cppflags := -isystem userspace/kernel -Idrivers/misc/pmpool \
	-Iuserspace/pmpoold
# Kernel code may leave parameters unused.
pmpoolctl-driver-cflags = -Dpmpool_name_valid=pmpool_format_name_valid $(CFLAGS) \
	-Wno-unused-parameter
pmpoolctl-driver-users := check dump examine mend metadata opinion source
$(pmpoolctl-driver-objs) $(pmpoolctl-driver-users:%=$(BUILD)/obj/pmpoolctl/%.o): \
	pmpoolctl-cppflags += $(pmpoolctl-driver-cppflags)
# What shares code with the daemon.
pmpoolctl-daemon-users := backings bootloader export ram reserve
$(pmpoolctl-daemon-users:%=$(BUILD)/obj/pmpoolctl/%.o) \
$(pmpoolctl-daemon-users:%=$(BUILD)/obj/pmpoolctl/san/%.o) $(BUILD)/obj/pmpoolctl/san/test-pmpoolctl-reserve.o: \
	pmpoolctl-cppflags += -Iuserspace/pmpoold

PROGRAMS += $(BUILD)/pmpoolctl

$(BUILD)/obj/pmpoolctl/%.o: $(pmpoolctl-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(pmpoolctl-cppflags) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/pmpoolctl/driver-%.o: drivers/misc/pmpool/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(pmpoolctl-cppflags) $(pmpoolctl-driver-cflags) \
		-MMD -MP -c -o $@ $<

# With the library inside: the tool that looks after a pool should run from
# wherever it was built or copied to.
$(BUILD)/pmpoolctl: $(pmpoolctl-objs) $(pmpoolctl-catalog:%=$(BUILD)/obj/pmpoold/%.o) $(LIB_STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pmpoolctl-libs) $(pmpoolctl-bus-libs)

# For a guest without libraries. The linker warns that names of users need
# glibc's modules: without them, numbers are shown.
$(BUILD)/pmpoolctl-static: $(pmpoolctl-static-objs) $(pmpoolctl-catalog:%=$(BUILD)/obj/pmpoold/%.o) \
		$(LIB_STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^ $(pmpoolctl-libs)

# Unit tests: all but main(), under sanitizers.
pmpoolctl-tests := $(addprefix $(BUILD)/test/,test-pmpoolctl test-pmpoolctl-archive \
	test-pmpoolctl-check test-pmpoolctl-reserve test-pmpoolctl-terminal test-pmpoolctl-views)
UNIT_TESTS += $(pmpoolctl-tests)
pmpoolctl-san-objs := $(patsubst $(BUILD)/obj/pmpoolctl/%,$(BUILD)/obj/pmpoolctl/san/%, \
	$(filter-out %/main.o,$(pmpoolctl-objs)))

$(patsubst %,$(BUILD)/obj/pmpoolctl/san/%.o,driver-format driver-hold driver-space $(pmpoolctl-driver-users) \
	test-pmpoolctl-check): \
	pmpoolctl-cppflags += $(pmpoolctl-driver-cppflags)

$(BUILD)/obj/pmpoolctl/san/driver-%.o: drivers/misc/pmpool/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(pmpoolctl-cppflags) $(pmpoolctl-driver-cflags) \
		$(libpmpool-san) -MMD -MP -c -o $@ $<

$(BUILD)/obj/pmpoolctl/san/%.o: $(pmpoolctl-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(pmpoolctl-cppflags) $(CFLAGS) $(libpmpool-san) -MMD -MP -c -o $@ $<

$(BUILD)/obj/pmpoolctl/san/test-%.o: $(pmpoolctl-dir)/test/test-%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -I$(pmpoolctl-dir) -Itests/unit $(pmpoolctl-cppflags) $(CFLAGS) \
		$(libpmpool-san) -MMD -MP -c -o $@ $<

$(pmpoolctl-tests): $(BUILD)/test/%: \
		$(BUILD)/obj/pmpoolctl/san/%.o \
		$(pmpoolctl-san-objs) $(pmpoolctl-catalog:%=$(BUILD)/obj/pmpoold/san/%.o) \
		$(libpmpool-san-objs)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(libpmpool-san) $(LDFLAGS) -o $@ $^ $(pmpoolctl-libs) $(pmpoolctl-bus-libs) \
		$(libpmpool-libs)

# For test/test-repair.sh and test/test-export.sh, in minimal guests.
GUEST_TESTS += $(BUILD)/pmpoolctl-static $(BUILD)/test-libpmpool-pool $(BUILD)/guest/damage \
	$(BUILD)/guest/extent
$(BUILD)/obj/pmpoolctl/damage.o: $(pmpoolctl-dir)/test/damage.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -I$(pmpoolctl-dir) $(pmpoolctl-cppflags) $(pmpoolctl-driver-cppflags) \
		$(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/guest/damage: $(BUILD)/obj/pmpoolctl/damage.o $(filter-out %/main.o,$(pmpoolctl-static-objs)) \
		$(pmpoolctl-catalog:%=$(BUILD)/obj/pmpoold/%.o) $(LIB_STATIC)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^ $(pmpoolctl-libs)

$(BUILD)/guest/extent: $(pmpoolctl-dir)/test/extent.c $(LIB_STATIC)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -static -o $@ $^

.PHONY: install-pmpoolctl
install-pmpoolctl: $(BUILD)/pmpoolctl
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5
	install -m 0755 $(BUILD)/pmpoolctl $(DESTDIR)$(BINDIR)
	install -m 0644 man/pmpoolctl.1 $(DESTDIR)$(MANDIR)/man1
	install -m 0644 man/pmpool-archive.5 $(DESTDIR)$(MANDIR)/man5

-include $(wildcard $(BUILD)/obj/pmpoolctl/*.d $(BUILD)/obj/pmpoolctl/san/*.d)
