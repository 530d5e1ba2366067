# SPDX-License-Identifier: GPL-2.0-only
#
# Hostile images: `make fuzz SECONDS=60`. The unit tests play the seeds.

UNIT_TESTS += $(BUILD)/test/test-seeds

FUZZ_CLANG ?= clang
SECONDS ?= 20
FUZZ_CFLAGS = -isystem userspace/kernel -Iinclude/uapi -Idrivers/misc/pmpool -Itests/fuzz \
	-include tests/fuzz/hooks.h
FUZZ_SOURCES = tests/fuzz/fuzz.c tests/crash/crc32c.c \
	drivers/misc/pmpool/format.c drivers/misc/pmpool/hold.c drivers/misc/pmpool/space.c
FUZZ_HEADERS = $(wildcard tests/fuzz/*.h) tests/crash/crc32c.h $(wildcard drivers/misc/pmpool/*.h) \
	$(wildcard include/uapi/linux/pmpool_*.h userspace/kernel/*/*.h)
FUZZ_SEEDS = $(wildcard tests/fuzz/seeds/*.txt)

$(BUILD)/fuzz/seeds: tests/fuzz/seed $(FUZZ_SEEDS)
	@rm -rf $@
	tests/fuzz/seed make $@ $(FUZZ_SEEDS)

$(BUILD)/test/test-seeds: tests/fuzz/replay.c $(FUZZ_SOURCES) $(FUZZ_HEADERS) tests/unit/tap.h \
		| $(BUILD)/fuzz/seeds
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(FUZZ_CFLAGS) -Itests/unit -DSEEDS='"$(BUILD)/fuzz/seeds"' \
		-fsanitize=address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

$(BUILD)/fuzz/fuzz: tests/fuzz/mutate.c $(FUZZ_SOURCES) $(FUZZ_HEADERS)
	@mkdir -p $(@D)
	@command -v $(FUZZ_CLANG) >/dev/null || { echo "make fuzz needs clang, and" \
		"'$(FUZZ_CLANG)' is not here: apt install clang libclang-rt-dev" >&2; exit 1; }
	@echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(FUZZ_CLANG) -fsanitize=fuzzer,address -x c -o $@.probe - 2>/dev/null || \
		{ echo "'$(FUZZ_CLANG)' has no libFuzzer: apt install libclang-rt-dev" >&2; exit 1; }
	@rm -f $@.probe
	$(FUZZ_CLANG) $(CFLAGS) -D_GNU_SOURCE $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $(filter %.c,$^)

.PHONY: fuzz
fuzz: $(BUILD)/fuzz/fuzz $(BUILD)/fuzz/seeds
	@tests/fuzz/run $(BUILD)/fuzz/fuzz $(BUILD)/fuzz $(BUILD)/fuzz/seeds $(SECONDS)
