// SPDX-License-Identifier: GPL-2.0-only
/*
 * A panic and the firmware's warm reset: nobody has vouched for what is held, so
 * all of it is, until the one who manages the pool has said what is its. Then the
 * same once more, with a header that tells of a larger pool.
 *
 * Which of the three boots this is the pool tells. Run as root.
 */
#include "series.h"

#define TAKEN	4
#define COUNT	3
#define MORE	(64 * MIB)

static void panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (done())
		exit(1);
	if (write(fd, "c", 1) != 1)
		die("/proc/sysrq-trigger");
	for (;;)
		pause();
}

static void before(const struct area *area)
{
	begin("before");
	check(area->boot == FRESH, "a new pool");
	check_errno(poke("alloc 600 first"), 0, "a hold of two blocks");
	check_errno(poke("take %d %d", TAKEN, COUNT), 0, "blocks are taken");
	check_errno(poke("take %d %d", TAKEN + COUNT, COUNT), 0, "and others, which nobody will speak for");
	fill_blocks(area, 1, 2);
	fill_blocks(area, TAKEN, COUNT);
	panic();
}

static void after(const struct area *area)
{
	uint64_t blocks = area->size / BLOCK, mine = ((1ULL << COUNT) - 1) << TAKEN;
	uint64_t before, released;

	begin("held");
	count_what_is_free();
	check(area->boot == HELD, "the bitmap is not believed");
	check(held(0, blocks), "every block is held");
	check(meminfo("CmaFree:") < BLOCK, "and none is the system's");
	check(hog() > 0 && !lost_bytes(area, 1, 2) && !lost_bytes(area, TAKEN, COUNT),
	      "a program takes all the memory, and every byte is there");
	check_errno(poke("find first"), 0, "a hold is found by its name");
	check_errno(poke("give 1 1"), EINVAL, "a hold's block is not the manager's to give");
	before = meminfo("CmaFree:");
	check_errno(poke("settle %llx", (unsigned long long)mine), 0, "the manager says what is its");
	released = strtoull(poke_said(), NULL, 0);
	check(released == blocks - 1 - 2 - COUNT, "%llu blocks are given to the system",
	      (unsigned long long)released);
	before = meminfo("CmaFree:") - before;
	check(before > (released - 1) * BLOCK, "which has them: %llu KiB", (unsigned long long)before / 1024);
	check(held(0, 3) && held(TAKEN, COUNT) && !held(3, 1) && !held(TAKEN + COUNT, 1),
	      "held is what is somebody's");
	check_errno(poke("settle %llx", (unsigned long long)mine << COUNT), EBUSY,
		    "a block that the system has is nobody's");
	check(hog() > released * BLOCK && !lost_bytes(area, 1, 2) && !lost_bytes(area, TAKEN, COUNT),
	      "a program uses them, and every byte is there");
}

__attribute__((target("sse4.2")))
static uint32_t header_crc(const struct pmpool_hold_header *header)
{
	const uint8_t *p = (const uint8_t *)header;
	uint32_t crc = ~0U;
	size_t i;

	for (i = 0; i < sizeof(*header); i++)
		crc = __builtin_ia32_crc32qi(crc, p[i]);
	return ~crc;
}

static void enlarge(const struct area *area)
{
	struct pmpool_hold_header *header = (void *)map_blocks(area, 0, 1) + PMPOOL_HOLD_HEADER_OFFSET;
	uint32_t crc = header->crc;

	header->crc = 0;
	check(header_crc(header) == crc, "the header is as it should be");
	header->size = area->size + MORE;
	header->bitmap_size = PMPOOL_HOLD_BITMAP_SIZE(header->size);
	header->crc = header_crc(header);
}

static void larger(void)
{
	const char *said = strstr(messages(), "a pool of ");
	unsigned long long base = 0, size = 0;

	begin("larger");
	if (said)
		sscanf(said, "a pool of %llx bytes at %llx was there", &size, &base);
	check(base && size, "there is no pool, for one of %llu MiB was there", size / MIB);
	check(size > MORE && iomem_has("Reserved", base, size, true) && !iomem_has("System RAM", base, size, false),
	      "all of that is kept");
	check_errno(poke("alloc 1"), ENOMEM, "nobody can allocate from it");
}

int main(void)
{
	struct area area;

	setvbuf(stdout, NULL, _IOLBF, 0);
	load_poke();
	area = get_area();
	if (area.boot < 0) {
		larger();
		return done();
	}
	if (area.boot == FRESH)
		before(&area);
	after(&area);
	enlarge(&area);
	panic();
}
