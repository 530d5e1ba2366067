// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec after kexec while most of a pool is lent and in use, with an initramfs
 * of hundreds of MiB, for which the lent memory would do well: no part of
 * the next kernel is placed in the region, that kernel is told of none of it, and
 * every extent is intact.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with the
 * module not loaded.
 */
#include <sys/klog.h>
#include <sys/sysinfo.h>

#include "lend.h"
#include "next.h"

#define BOOTS		4
#define KEPT		(20 * MIB)
#define INITRD		(200 * MIB)

static uint64_t size;

static void lend_all(int fd)
{
	char *firmware = strdup(firmware_map());
	struct pmpool_lend arg;

	check_errno(lend(fd, ~0ULL, 0), 0, "all that can be is lent");
	online(fd, "online_movable");
	arg = lending(fd);
	check(arg.lent >= size / 2, "%llu of %llu MiB", arg.lent / MIB, (unsigned long long)(size / MIB));
	check(!strcmp(firmware_map(), firmware), "the firmware's map is as it was");
	free(firmware);
}

/* Fill what is free, so that the system has used what is lent, and leave it to it. */
static void use_memory(void)
{
	struct sysinfo si;
	size_t length, i;
	uint64_t *mem;

	sysinfo(&si);
	length = si.freeram / 10 * 8 & ~4095UL;
	mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		die("memory");
	for (i = 0; i < length / 8; i += 512)
		mem[i] = ~0ULL;
	munmap(mem, length);
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	uint64_t *mem;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("lend-kexec");
	check(!strstr(slurp("/proc/iomem"), "pmpool"), "boot %u: no memory map tells of what was lent", boot);
	check_errno(load(region_param()), 0, "boot %u: the pool attaches", boot);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	base = info(fd).base;
	size = info(fd).pool_size;
	check(info(fd).generation == boot && info(fd).state == PMPOOL_STATE_OK && info(fd).was_clean,
	      "generation %u, ok, clean", boot);
	check(!lending(fd).lent, "nothing of it is lent");
	/* What a kernel is told by the one before is the firmware's map to it. */
	check(*firmware_map() && !firmware_entries(firmware_map(), base, base + size),
	      "the firmware's map has no entry that begins or ends in the region");

	if (boot == 1) {
		check_errno(create(fd, "kept", KEPT), 0, "an extent");
		mem = map_node("kept", KEPT, PROT_READ | PROT_WRITE);
		fill(mem, KEPT, 3);
	} else {
		mem = map_node("kept", KEPT, PROT_READ);
		check(mem != MAP_FAILED && !mismatches(mem, KEPT, 3), "boot %u: every byte of the extent", boot);
	}
	munmap(mem, KEPT);
	if (boot == BOOTS)
		return done();

	lend_all(fd);
	use_memory();
	stage_large(next_cmdline(boot, NULL), INITRD, base, size);
	use_memory();
	start_next();
}
