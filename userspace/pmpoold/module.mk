# SPDX-License-Identifier: GPL-2.0-only
# pmpoold: the daemon. Included from the top with paths relative to it.

VERSION ?= 0.1.0
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
SYSCONFDIR ?= /etc
MANDIR ?= $(PREFIX)/share/man

pmpoold-dir := userspace/pmpoold
pmpoold-nouns := bus catalog cmdline config daemon entry file guard image initrd installed iomem \
	kernels module monitor next options pool preflight reconcile record release request stage \
	status strlist
pmpoold-nouns += confdir declare declared handover report settings
pmpoold-nouns += kexec lend manager message policy
pmpoold-objs := $(patsubst %,$(BUILD)/obj/pmpoold/%.o,main $(pmpoold-nouns))
pmpoold-packages := libsystemd libudev libkmod json-c
pmpoold-cppflags = -DPMPOOL_VERSION='"$(VERSION)"' \
	$(shell pkg-config --cflags $(pmpoold-packages))
pmpoold-libs = -lfdt $(shell pkg-config --libs $(pmpoold-packages))

PROGRAMS += $(BUILD)/pmpoold

# What pmpoolctl has for people's spelling of sizes, modes and users, and for
# errors.
pmpoold-ctl := reason size user
pmpoold-ctl-users := declare declared policy pool
$(pmpoold-ctl-users:%=$(BUILD)/obj/pmpoold/%.o) \
$(pmpoold-ctl-users:%=$(BUILD)/obj/pmpoold/san/%.o): pmpoold-cppflags += -Iuserspace/pmpoolctl

$(BUILD)/obj/pmpoold/%.o: $(pmpoold-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(pmpoold-cppflags) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/pmpoold: $(pmpoold-objs) $(pmpoold-ctl:%=$(BUILD)/obj/pmpoolctl/%.o) $(BUILD)/libpmpool.so
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lpmpool $(pmpoold-libs)

# Unit tests: the nouns that need neither a pool nor systemd, with sanitizers.
pmpoold-san := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
pmpoold-test-objs := $(patsubst %,$(BUILD)/obj/pmpoold/san/%.o,\
	catalog cmdline config entry file image initrd iomem kernels module options release \
	record request strlist confdir declared handover policy report settings)
pmpoold-tests := $(patsubst %,$(BUILD)/test/test-pmpoold-%,\
	catalog cmdline config entry image iomem kernels options record)
pmpoold-tests += $(patsubst %,$(BUILD)/test/test-pmpoold-%,confdir declared handover policy report)

UNIT_TESTS += $(pmpoold-tests)

$(BUILD)/obj/pmpoold/san/%.o: $(pmpoold-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(pmpoold-cppflags) $(CFLAGS) $(pmpoold-san) -MMD -MP -c -o $@ $<

$(BUILD)/obj/pmpoold/san/test-%.o: $(pmpoold-dir)/test/test-%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -I$(pmpoold-dir) -Itests/unit $(pmpoold-cppflags) $(CFLAGS) \
		$(pmpoold-san) -MMD -MP -c -o $@ $<

$(pmpoold-tests): $(BUILD)/test/test-pmpoold-%: $(BUILD)/obj/pmpoold/san/test-%.o \
		$(pmpoold-test-objs) $(pmpoold-ctl:%=$(BUILD)/obj/pmpoolctl/san/%.o) $(LIB_STATIC)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(pmpoold-san) $(LDFLAGS) -o $@ $^ $(pmpoold-libs)

.PHONY: install-pmpoold
install-pmpoold: $(BUILD)/pmpoold
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(SYSCONFDIR)/pmpool/extents.d $(DESTDIR)$(MANDIR)/man5
	install -m 0755 $(BUILD)/pmpoold $(DESTDIR)$(SBINDIR)
	install -m 0644 man/pmpool-extents.d.5 $(DESTDIR)$(MANDIR)/man5
	install -m 0644 man/pmpool-kexec.7 $(DESTDIR)$(MANDIR)/man7
	install -m 0644 man/pmpoold.8 $(DESTDIR)$(MANDIR)/man8

-include $(wildcard $(BUILD)/obj/pmpoold/*.d $(BUILD)/obj/pmpoold/san/*.d)
