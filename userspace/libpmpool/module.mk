# SPDX-License-Identifier: GPL-2.0-only
# libpmpool: the C library. Included from the top with paths relative to it.

VERSION ?= 0.1.0
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch)
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
MANDIR ?= $(PREFIX)/share/man

libpmpool-dir := userspace/libpmpool
libpmpool-soname := libpmpool.so.1
libpmpool-objs := $(patsubst %,$(BUILD)/obj/libpmpool/%.o, \
	change entry extent info ioctl lend limit metadata name options pool watch)
libpmpool-libs := $(shell pkg-config --libs libudev)
# Also where off_t has 32 bits.
libpmpool-cppflags := -D_FILE_OFFSET_BITS=64 -DPMPOOL_VERSION='"$(VERSION)"'

LIB := $(BUILD)/$(libpmpool-soname)
LIB_STATIC := $(BUILD)/libpmpool.a

$(BUILD)/obj/libpmpool/%.o: $(libpmpool-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(libpmpool-cppflags) $(CFLAGS) \
		-fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

# The map decides what is exported: an undefined name in it is an error.
$(LIB): $(libpmpool-objs) $(libpmpool-dir)/libpmpool.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(libpmpool-soname) \
		-Wl,--version-script=$(libpmpool-dir)/libpmpool.map -Wl,-z,defs \
		-o $@ $(libpmpool-objs) $(libpmpool-libs)

$(LIB_STATIC): $(libpmpool-objs)
	rm -f $@
	$(AR) rcsD $@ $^

$(BUILD)/libpmpool.so: $(LIB)
	ln -sf $(libpmpool-soname) $@

$(BUILD)/libpmpool.pc: $(libpmpool-dir)/libpmpool.pc.in
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

# Unit tests: what can be told without a driver, under sanitizers.
UNIT_TESTS += $(BUILD)/test/test-libpmpool
SCRIPT_TESTS += $(libpmpool-dir)/test/api.sh
libpmpool-san := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
libpmpool-san-objs := $(libpmpool-objs:$(BUILD)/obj/libpmpool/%=$(BUILD)/obj/libpmpool/san/%)

$(BUILD)/obj/libpmpool/san/%.o: $(libpmpool-dir)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(libpmpool-cppflags) $(CFLAGS) $(libpmpool-san) \
		-MMD -MP -c -o $@ $<

$(BUILD)/obj/libpmpool/san/test-%.o: $(libpmpool-dir)/test/test-%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(libpmpool-cppflags) -Itests/unit $(CFLAGS) \
		$(libpmpool-san) -MMD -MP -c -o $@ $<

$(BUILD)/test/test-libpmpool: $(BUILD)/obj/libpmpool/san/test-libpmpool.o \
		$(libpmpool-san-objs)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(libpmpool-san) $(LDFLAGS) -o $@ $^ $(libpmpool-libs)

# The real library on the real driver; static, for a guest without libraries.
$(BUILD)/test-libpmpool-pool: $(libpmpool-dir)/test/test-libpmpool-pool.c $(LIB_STATIC)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -static -MMD -MP \
		-MF $(BUILD)/obj/libpmpool/test-pool.d -o $@ $< $(LIB_STATIC)

# For a full guest, which has no sanitizers' libraries: Clang puts them into the
# program by itself.
GUEST_TESTS += $(patsubst %,$(BUILD)/guest/test-libpmpool-%,watch threads pool32)
libpmpool-static-san := $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
libpmpool-static-tsan := $(if $(findstring clang,$(CC)),,-static-libtsan)
libpmpool-src := $(libpmpool-objs:$(BUILD)/obj/libpmpool/%.o=$(libpmpool-dir)/%.c)

$(BUILD)/guest/test-libpmpool-watch: $(BUILD)/obj/libpmpool/san/test-libpmpool-watch.o \
		$(libpmpool-san-objs)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(libpmpool-san) $(libpmpool-static-san) $(LDFLAGS) -o $@ $^ \
		$(libpmpool-libs)

libpmpool-headers := $(wildcard $(libpmpool-dir)/*.h include/uapi/linux/pmpool*.h)
$(BUILD)/guest/test-libpmpool-threads: $(libpmpool-dir)/test/test-libpmpool-threads.c \
		$(libpmpool-src) $(libpmpool-headers) tests/unit/tap.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(libpmpool-cppflags) -Itests/unit $(CFLAGS) -O1 -fsanitize=thread \
		$(libpmpool-static-tsan) $(LDFLAGS) -o $@ $(filter %.c,$^) $(libpmpool-libs)

# There is no libudev for 32 bits to link with, and none is needed but to watch.
$(BUILD)/guest/test-libpmpool-pool32: $(libpmpool-dir)/test/test-libpmpool-pool.c \
		$(filter-out %/watch.c,$(libpmpool-src)) $(libpmpool-headers)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(libpmpool-cppflags) $(CFLAGS) -m32 -static $(LDFLAGS) -o $@ \
		$(filter %.c,$^)

# Every function of a page is found by its own name.
libpmpool-pages := $(wildcard man/libpmpool.3 man/pmpool_*.3)

.PHONY: install-lib
install-lib: $(LIB) $(LIB_STATIC) $(BUILD)/libpmpool.pc
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR) \
		$(DESTDIR)$(MANDIR)/man3
	install -m 0644 $(LIB) $(LIB_STATIC) $(DESTDIR)$(LIBDIR)
	ln -sf $(libpmpool-soname) $(DESTDIR)$(LIBDIR)/libpmpool.so
	install -m 0644 $(libpmpool-dir)/pmpool.h $(DESTDIR)$(INCLUDEDIR)
	install -m 0644 $(BUILD)/libpmpool.pc $(DESTDIR)$(PKGCONFIGDIR)
	install -m 0644 $(libpmpool-pages) $(DESTDIR)$(MANDIR)/man3
	for page in $(notdir $(libpmpool-pages)); do \
		sed -n 's/^\.Nm \(pmpool_[a-z_]*\).*/\1.3/p' man/$$page | grep -vx $$page | \
			xargs -r -I LINK ln -sf $$page $(DESTDIR)$(MANDIR)/man3/LINK || exit 1; \
	done

-include $(wildcard $(BUILD)/obj/libpmpool/*.d $(BUILD)/obj/libpmpool/san/*.d)
