// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three kexecs in a row, the first kernel with pmpool= on its command line and the
 * others with nothing: in each a program takes all the movable memory it can get,
 * of the pool as well, and every byte that is held stays.
 *
 * usage: test-row [MIB]
 *
 * With MIB each kernel is started with an initramfs of that size. Under EFI and
 * with efi=debug the pool is compared with what the firmware says is its.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root.
 */
#include "series.h"

#define BOOTS	4
#define TAKEN	3	/* blocks 3 to 6 */
#define COUNT	4
#define PAGES	700	/* of the named hold: two blocks */
#define MORE	20	/* each boot takes one block more, from this one on */

/* In the first block that was taken, for the kernels to come. */
struct note {
	uint64_t unnamed, base, size, tree, entries;
};

static struct note *note;

static void refuse_kexec_load(void)
{
	static const unsigned char loop[] = { 0xeb, 0xfe };
	struct kexec_segment segment = {
		.buf = loop, .bufsz = sizeof(loop), .mem = (void *)(16UL << 20), .memsz = 4096,
	};
	const char *said;

	messages();
	check_errno(syscall(SYS_kexec_load, 16UL << 20, 1UL, &segment, (unsigned long)KEXEC_ARCH_X86_64),
		    EOPNOTSUPP, "kexec_load() is refused");
	said = messages();
	check(strstr(said, "kexec_load() would not keep the next kernel off"), "and the kernel's log says why");
}

/* What the kernel keeps of the firmware's only after it has chosen a place for the pool */
static void firmware_has_none(const struct area *area)
{
	unsigned int boot_services = 0, inside = 0;
	unsigned long long from, to;
	const char *at, *range;

	if (access("/sys/firmware/efi", F_OK))
		return;
	for (at = messages(); (at = strstr(at, "efi: mem")); at++) {
		int len = strcspn(at, "\n");

		range = strstr(at, "range=[");
		if (!range || sscanf(range, "range=[%llx-%llx]", &from, &to) != 2)
			continue;
		if (!memmem(at, len, "[Boot ", 6) && !memmem(at, len, "|RUN|", 5))
			continue;
		boot_services++;
		if (from < area->base + area->size && to >= area->base) {
			inside++;
			printf("# %.*s\n", len, at);
		}
	}
	check(boot_services && !inside, "the firmware has %u pieces of memory that it may use, %u in the pool",
	      boot_services, inside);
}

static uint64_t block_of(const struct area *area, unsigned long long pfn)
{
	return (pfn * 4096 - area->base) / BLOCK;
}

static void find_named(const struct area *area, uint64_t *first)
{
	unsigned long long pfn = 0, pages = 0;

	check_errno(poke("find first"), 0, "the hold 'first' is found by its name");
	sscanf(poke_said(), "%llu %llu", &pfn, &pages);
	*first = block_of(area, pfn);
	check(pages == 1024, "it has %llu pages, of whole blocks", pages);
}

static void make(const struct area *area)
{
	unsigned long long pfn = 0;
	uint64_t first;

	check(area->boot == FRESH, "a new pool of %llu MiB at %#llx", area->size / MIB, area->base);
	firmware_has_none(area);
	check(!access(DEBUGFS "/cma/pmpool/bitmap", F_OK) && access(DEBUGFS "/cma/pmpool/alloc", F_OK) &&
	      access(DEBUGFS "/cma/pmpool/free", F_OK), "debugfs shows its bitmap, and does not change it");
	check_errno(poke("take %d %d", TAKEN, COUNT), 0, "blocks are taken");
	check_errno(poke("alloc %d first", PAGES), 0, "named pages are allocated");
	check_errno(poke("alloc %d first", PAGES), ENOMEM, "the name is taken then");
	check_errno(poke("alloc 512"), 0, "pages without a name");
	sscanf(poke_said(), "%llu", &pfn);
	find_named(area, &first);
	note = (void *)map_blocks(area, TAKEN, 1);
	fill_blocks(area, TAKEN + 1, COUNT - 1);
	fill_blocks(area, first, 2);
	fill_blocks(area, block_of(area, pfn), 1);
	*note = (struct note) { .unnamed = block_of(area, pfn), .base = area->base, .size = area->size };
	refuse_kexec_load();
}

static void find(const struct area *area, unsigned int boot)
{
	uint64_t first;

	note = (void *)map_blocks(area, TAKEN, 1);
	check(area->boot == RESTORED, "boot %u: what the kernel before held is held", boot);
	check(area->base == note->base && area->size == note->size && area->size,
	      "the same %llu MiB at %#llx", area->size / MIB, area->base);
	check(!strstr(slurp("/proc/cmdline"), "pmpool=") && !strstr(slurp("/proc/cmdline"), "memmap="),
	      "and the command line says nothing of it");
	check(pool_nodes() == 1, "the device tree has one node for it");
	find_named(area, &first);
	check(held(TAKEN, COUNT) && held(first, 2) && held(note->unnamed, 1) &&
	      held(MORE, boot - 1), "every block is held that was");
	check(!held(MORE + boot - 1, 1), "and none that was not");
	check(!lost_bytes(area, TAKEN + 1, COUNT - 1), "every byte of what was taken");
	check(!lost_bytes(area, first, 2), "of what has a name");
	check(!lost_bytes(area, note->unnamed, 1), "and of what has none");
	check(!lost_bytes(area, MORE, boot - 1), "and of what each kernel took");

	if (boot == 2) {
		note->tree = tree_size();
		note->entries = map_entries();
	}
	check(tree_size() == note->tree && note->tree, "the device tree has %llu bytes, as in boot 2",
	      (unsigned long long)tree_size());
	check(map_entries() == note->entries && note->entries, "the memory map handed on has %u entries, as in boot 2",
	      map_entries());
}

int main(int argc, char **argv)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	size_t initrd = argc > 1 ? strtoul(argv[1], NULL, 0) * MIB : 0;
	uint64_t free_before, hogged, left = 0;
	struct area area;
	bool last = boot == BOOTS;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("row");
	if (!have_pool(&area, boot))
		return done();
	check(iomem_has("Persistent Memory Pool", area.base, area.size, true) &&
	      !iomem_has("System RAM", area.base, area.size, false),
	      "/proc/iomem has it, and has it in no System RAM");

	if (boot == 1)
		make(&area);
	else
		find(&area, boot);

	/* Free blocks of the pool serve everybody who can be moved. */
	free_before = meminfo("CmaFree:");
	check(free_before && free_before < area.size, "%llu of %llu MiB are the system's",
	      (unsigned long long)(free_before / MIB), area.size / MIB);
	hogged = hog();
	check(hogged > free_before, "a program had %llu MiB", (unsigned long long)(hogged / MIB));
	if (boot > 1)
		find_named(&area, &left);
	check(!lost_bytes(&area, TAKEN + 1, COUNT - 1) && !lost_bytes(&area, note->unnamed, 1) &&
	      (!left || !lost_bytes(&area, left, 2)), "and every byte that is held is there");

	if (last) {
		check_errno(poke("give %d %d", TAKEN + 1, COUNT - 1), 0, "what an earlier kernel took is given back");
		check(!held(TAKEN + 1, 1), "and is not held any more");
		check_errno(poke("release %llu 1024", (area.base + left * BLOCK) / 4096), 0,
			    "what an earlier kernel allocated is released");
		check_errno(poke("find first"), ENOENT, "and is not found any more");
		check(true, "%u kexecs", BOOTS - 1);
		return done();
	}
	check_errno(poke("take %u 1", MORE + boot - 1), 0, "one block more is taken");
	fill_blocks(&area, MORE + boot - 1, 1);
	if (initrd)
		stage_large(series_cmdline(boot, NULL), initrd, area.base, area.size);
	else
		check_errno(stage(series_cmdline(boot, NULL), 0), 0, "the next kernel is staged");
	if (done())
		return 1;
	start_next();
}
