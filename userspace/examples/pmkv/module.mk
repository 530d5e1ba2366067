# SPDX-License-Identifier: GPL-2.0-only
# pmkv: the example. Included from the top with paths relative to it.

VERSION ?= 0.1.0
PREFIX ?= /usr

pmkv-dir := userspace/examples/pmkv
pmkv-objs := $(patsubst %,$(BUILD)/obj/pmkv/%.o,main server protocol store)
pmkv-static-objs := $(patsubst %,$(BUILD)/obj/pmkv/static/%.o,main) \
	$(filter-out %/main.o,$(pmkv-objs))
pmkv-cppflags = $(CPPFLAGS) -D_GNU_SOURCE -DPMKV_VERSION='"$(VERSION)"' -Iuserspace/libpmpool
pmkv-sanitize := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all

PROGRAMS += $(BUILD)/pmkv $(BUILD)/pmkv-load
UNIT_TESTS += $(BUILD)/test/test-pmkv-store $(BUILD)/test/test-pmkv-protocol
SCRIPT_TESTS += $(pmkv-dir)/test/server.sh

$(BUILD)/obj/pmkv/%.o: $(pmkv-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(pmkv-cppflags) $(CFLAGS) -MMD -MP -c -o $@ $<

# Without libsystemd, of which there is no static library.
$(BUILD)/obj/pmkv/static/%.o: $(pmkv-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(pmkv-cppflags) -DPMKV_NO_SYSTEMD $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/pmkv: $(pmkv-objs) $(BUILD)/libpmpool.so
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(pmkv-objs) -L$(BUILD) -lpmpool -lsystemd

$(BUILD)/pmkv-load: $(BUILD)/obj/pmkv/load.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $<

# For a guest without libraries.
$(BUILD)/pmkv-static: $(pmkv-static-objs) $(BUILD)/libpmpool.a
	$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^

$(BUILD)/pmkv-load-static: $(BUILD)/obj/pmkv/load.o
	$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $<

.PHONY: pmkv-static pmkv-load-static
pmkv-static: $(BUILD)/pmkv-static
pmkv-load-static: $(BUILD)/pmkv-load-static

# The tests include store.c themselves, to stop it between any two stores.
$(BUILD)/test/test-pmkv-store: $(pmkv-dir)/test/test-store.c $(pmkv-dir)/store.c
	@mkdir -p $(@D) $(BUILD)/obj/pmkv
	$(CC) $(pmkv-cppflags) $(CFLAGS) $(pmkv-sanitize) $(LDFLAGS) -I$(pmkv-dir) -Itests/unit \
		-MMD -MP -MF $(BUILD)/obj/pmkv/test-store.d -o $@ $<

# -MMD would write about the last of the sources only.
$(BUILD)/test/test-pmkv-protocol: $(pmkv-dir)/test/test-protocol.c \
		$(pmkv-dir)/protocol.c $(pmkv-dir)/store.c \
		$(wildcard $(pmkv-dir)/*.h userspace/libpmpool/*.h) tests/unit/tap.h
	@mkdir -p $(@D)
	$(CC) $(pmkv-cppflags) $(CFLAGS) $(pmkv-sanitize) $(LDFLAGS) -I$(pmkv-dir) -Itests/unit \
		-o $@ $(filter %.c,$^)

.PHONY: install-pmkv
install-pmkv: $(BUILD)/pmkv $(BUILD)/pmkv-load
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 0755 $(BUILD)/pmkv $(BUILD)/pmkv-load $(DESTDIR)$(PREFIX)/bin
	install -m 0644 man/pmkv.1 $(DESTDIR)$(PREFIX)/share/man/man1
	ln -sf pmkv.1 $(DESTDIR)$(PREFIX)/share/man/man1/pmkv-load.1

-include $(wildcard $(BUILD)/obj/pmkv/*.d $(BUILD)/obj/pmkv/static/*.d)
