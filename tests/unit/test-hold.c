// SPDX-License-Identifier: GPL-2.0-only
/*
 * What users inside the kernel have, read with the driver's own code from bytes
 * that are written here by hand, sound and hostile ones; and the driver's only
 * change there, stopped after every store.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <linux/kernel.h>

#include "format.h"
#include "hold.h"
#include "tap.h"

#define MIB	(1ULL << 20)
#define SIZE	(64 * MIB)
#define BASE	0x140000000ULL

static u8 *mem;
static struct pmpool_format fmt;
static unsigned long stop_after, stores;
static jmp_buf stopped;

void test_stored(const struct pmpool_format *f, const void *at)
{
	const u8 *byte = at;

	if (byte < (u8 *)f->mem || byte + 8 > (u8 *)f->mem + f->size)
		abort();
	if (++stores == stop_after)
		longjmp(stopped, 1);
}

/* Written down here once more, for it is an interface. */
static void put32(u64 at, u32 value)
{
	__le32 word = cpu_to_le32(value);

	memcpy(mem + at, &word, sizeof(word));
}

static void put64(u64 at, u64 value)
{
	__le64 word = cpu_to_le64(value);

	memcpy(mem + at, &word, sizeof(word));
}

static u32 sum(u64 at, size_t size, size_t crc_at)
{
	u8 copy[128];

	memcpy(copy, mem + at, size);
	memset(copy + crc_at, 0, 4);
	return ~crc32c(~0U, copy, size);
}

static void put_header(u32 state)
{
	memset(mem + 0x180000, 0, 4096);
	memcpy(mem + 0x180000, "\211PMHOLD\n", 8);
	put32(0x18000c, 1);
	put64(0x180010, BASE);
	put64(0x180018, SIZE);
	memset(mem + 0x180020, 0x1d, 16);
	put32(0x180030, state);
	if (state)
		put32(0x180034, ~crc32c(~0U, mem + 0x1a0000, 8));
	put64(0x180038, 0x181000);
	put64(0x180040, 1024 * 64);
	put64(0x180048, 0x1a0000);
	put64(0x180050, 8);
	put32(0x180008, sum(0x180000, 128, 8));
}

static u64 record_at(u32 index)
{
	return 0x181000 + 64ULL * index;
}

static void sign(u32 index)
{
	put32(record_at(index), sum(record_at(index), 64, 0));
}

static void put_hold(u32 index, u64 first, u64 blocks, const char *name)
{
	u64 at = record_at(index);

	memset(mem + at, 0, 64);
	put64(at + 8, first);
	put64(at + 16, blocks);
	memcpy(mem + at + 24, name, strnlen(name, 40));
	sign(index);
}

static void fresh(void)
{
	static const u8 uuid[16] = { 1 };

	memset(mem, 0, 2 * MIB);
	pmpool_format_init(&fmt, mem, SIZE);
	pmpool_format_make(&fmt, uuid, 1);
}

static void test_records(void)
{
	struct pmpool_hold hold;
	u32 i, found = 0;

	fresh();
	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++)
		found += pmpool_hold_read(&fmt, i, &hold) != -ENOENT;
	ok(!found && !pmpool_hold_present(&fmt), "of a pool that was just made nobody holds anything");
	put_hold(0, 1, 31, "everything");
	ok(!pmpool_hold_read(&fmt, 0, &hold) && hold.first == 1 && hold.blocks == 31 &&
	   !strcmp(hold.name, "everything"), "a hold of all that there is");
	put_hold(1023, 5, 1, "");
	ok(!pmpool_hold_read(&fmt, 1023, &hold) && hold.first == 5 && !hold.name[0],
	   "one without a name, in the last record");
	put_hold(7, 2, 3, "exactly 39 characters, as many as can be");
	ok(pmpool_hold_read(&fmt, 7, &hold) == -EBADMSG, "a name of 40 characters has no end");
	put_hold(7, 2, 3, "exactly 39 characters as many as can be");
	ok(!pmpool_hold_read(&fmt, 7, &hold) && strlen(hold.name) == 39, "39 are possible");
	ok(pmpool_hold_present(&fmt), "a hold alone shows that a kernel has used the region");
}

static void test_hostile(void)
{
	static const u64 places[][2] = {
		{ 0, 1 }, { 32, 1 }, { 1, 32 }, { 31, 2 }, { 1, 0 }, { ~0ULL, 1 }, { 1, ~0ULL },
		{ ~0ULL, ~0ULL }, { 1ULL << 63, 1ULL << 63 },
	};
	struct pmpool_hold hold;
	u32 i, wrong = 0;

	fresh();
	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		put_hold(3, places[i][0], places[i][1], "x");
		wrong += pmpool_hold_read(&fmt, 3, &hold) != -EBADMSG;
	}
	ok(!wrong, "outside the region, in the metadata, or none: %u of %u taken", wrong, i);
	put_hold(3, 2, 2, "x");
	mem[record_at(3) + 24 + 39] = 'y';
	sign(3);
	ok(pmpool_hold_read(&fmt, 3, &hold) == -EBADMSG, "something behind the name");
	put_hold(3, 2, 2, "x");
	mem[record_at(3) + 4] = 1;
	sign(3);
	ok(pmpool_hold_read(&fmt, 3, &hold) == -EBADMSG, "reserved bytes");
	put_hold(3, 2, 2, "x");
	for (i = 0, wrong = 0; i < 64 * 8; i++) {
		mem[record_at(3) + i / 8] ^= 1 << i % 8;
		wrong += pmpool_hold_read(&fmt, 3, &hold) != -EBADMSG;
		mem[record_at(3) + i / 8] ^= 1 << i % 8;
	}
	ok(!wrong, "each bit that is wrong is found: %u are not", wrong);
	put32(record_at(3), 0);
	ok(pmpool_hold_read(&fmt, 3, &hold) == -ENOENT, "a change that was cut short is none");
}

static void test_header(void)
{
	u32 i, wrong = 0;

	fresh();
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_NONE, "no header");
	put_header(0);
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_OPEN, "one that vouches for nothing");
	put_header(1);
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_CLOSED &&
	   pmpool_hold_state(&fmt, PMPOOL_HOLD_ANY_BASE) == PMPOOL_HOLD_CLOSED, "one that does");
	ok(pmpool_hold_state(&fmt, BASE + 2 * MIB) == PMPOOL_HOLD_DAMAGED, "one of another region");
	for (i = 0; i < 128 * 8; i++) {
		mem[0x180000 + i / 8] ^= 1 << i % 8;
		wrong += pmpool_hold_state(&fmt, BASE) != PMPOOL_HOLD_DAMAGED;
		mem[0x180000 + i / 8] ^= 1 << i % 8;
	}
	ok(!wrong, "each bit that is wrong is found: %u are not", wrong);
	put_header(3);
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_DAMAGED, "an unknown state");
	put_header(0);
	put32(0x180034, 5);
	put32(0x180008, sum(0x180000, 128, 8));
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_DAMAGED, "a bitmap's checksum with nothing to vouch for");
	put_header(1);
	put32(0x18000c, 2);
	put32(0x180008, sum(0x180000, 128, 8));
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_DAMAGED, "another version");
	fmt.size = PMPOOL_HOLD_MAX_SIZE + 2 * MIB;
	ok(!pmpool_hold_possible(&fmt) && pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_NONE &&
	   !pmpool_hold_present(&fmt), "a region that is too large has no such part");
}

static void test_unseal(void)
{
	static u8 before[2 * MIB];
	volatile u32 believed = 0;
	volatile bool through = false;
	u32 i, wrong;

	fresh();
	put_hold(2, 4, 4, "kept");
	put_header(1);
	memcpy(before, mem, sizeof(before));
	ok(!pmpool_hold_unseal(&fmt, BASE + 2 * MIB) && !memcmp(mem, before, sizeof(before)),
	   "the header of another region is left as it is");

	/* Stopped after each store: unchanged, or not believed. */
	for (stop_after = 1; !through; stop_after++) {
		memcpy(mem, before, sizeof(before));
		stores = 0;
		if (!setjmp(stopped)) {
			ok(pmpool_hold_unseal(&fmt, BASE), "it is not believed any more, after %lu stores",
			   stores);
			through = true;
		}
		believed += pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_CLOSED;
	}
	ok(!believed && stop_after == 5, "stopped after any of 3 stores it is not believed either");
	stop_after = 0;
	ok(pmpool_hold_state(&fmt, BASE) == PMPOOL_HOLD_OPEN && !pmpool_hold_unseal(&fmt, BASE),
	   "its checksum is right, and once is enough");
	for (i = 0, wrong = 0; i < sizeof(before); i++)
		wrong += mem[i] != before[i] && !(i >= 0x180008 && i < 0x18000c) &&
			 !(i >= 0x180030 && i < 0x180038);
	ok(!wrong, "nothing else has changed");
}

static void test_formatting(void)
{
	static const u8 uuid[16] = { 2 };
	static u8 part[0x60000];
	struct pmpool_hold hold;

	fresh();
	put_hold(2, 4, 4, "kept");
	put_header(1);
	memset(mem + 0x1a0000, 0xff, 4);
	memcpy(part, mem + 0x180000, sizeof(part));
	memset(mem + 0x101000, 0x5a, 4096);
	memset(mem + 0x1e0000, 0x5a, 4096);
	pmpool_format_make(&fmt, uuid, 2);
	ok(!memcmp(mem + 0x180000, part, sizeof(part)), "making a pool leaves the kernel's own part alone");
	ok(!memchr_inv(mem + 0x101000, 0, 0x7f000) && !memchr_inv(mem + 0x1e0000, 0, 0x1f000),
	   "and zeroes all around it");
	mem[0x180001] ^= 1;
	pmpool_format_make(&fmt, uuid, 3);
	ok(!pmpool_hold_read(&fmt, 2, &hold), "even if the header is damaged");
	memset(mem + 512, 0xa5, 2 * MIB - 4096 - 512);
	pmpool_format_make(&fmt, uuid, 4);
	ok(!memchr_inv(mem + 0x101000, 0, 0xfe000), "what no kernel has written there is zeroed");
}

int main(void)
{
	mem = aligned_alloc(4096, SIZE);
	if (!mem)
		abort();
	test_records();
	test_hostile();
	test_header();
	test_unseal();
	test_formatting();
	free(mem);
	return done();
}
