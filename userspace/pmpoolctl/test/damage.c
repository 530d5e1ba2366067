// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damages the metadata of a pool, through /dev/mem while no driver has it:
 *
 *   flip OFFSET         flip a bit of the byte there
 *   overlap SLOT NAME   an extent in the second block of that of slot 0
 *   name SLOT           an extent in the last block, with the name of slot 0's
 *   limit SLOT UID      a limit
 *   wipe                all of the metadata: the driver formats the region anew
 *   catalog FILE        damages nothing: writes down what there is, as pmpoold would
 *
 * For guests in which the scripts beside this run: real memory, the driver's own code.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catalog.h>

#include "ctl.h"
#include "examine.h"

static struct pmpool_format fmt;

/* Where the kernel was told that the pool is. */
static void map_pool(void)
{
	char cmdline[4096] = "";
	unsigned long long base;
	char size_text[32];
	const char *at;
	uint64_t size;
	ssize_t n;
	void *mem;
	int fd;

	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	n = read(fd, cmdline, sizeof(cmdline) - 1);
	close(fd);
	at = n > 0 ? strstr(cmdline, "pmpool.region=") : NULL;
	if (!at || sscanf(at, "pmpool.region=%31[^@]@%llx", size_text, &base) != 2 ||
	    parse_size(size_text, &size) || pmpool_format_init(&fmt, NULL, size))
		errx(1, "no pmpool.region=SIZE@BASE in '%s'", cmdline);

	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	mem = fd < 0 ? MAP_FAILED : mmap(NULL, fmt.meta_blocks * PMPOOL_FORMAT_BLOCK_SIZE,
					 PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)base);
	if (mem == MAP_FAILED)
		err(1, "/dev/mem");
	fmt.mem = mem;
	if (pmpool_format_open(&fmt))
		errx(1, "%s", fmt.why);
}

static void put_extent(u32 slot, const char *name, u64 block)
{
	struct pmpool_record rec;

	if (pmpool_format_read(&fmt, 0, &rec))
		errx(1, "slot 0 has no extent");
	rec.id = pmpool_format_next_id(&fmt, slot);
	rec.uuid[0]++;
	rec.first_block = block ? block : rec.first_block + 1;
	rec.blocks = 1;
	rec.length = 1;
	if (name) {
		memset(rec.name, 0, sizeof(rec.name));
		snprintf(rec.name, sizeof(rec.name), "%s", name);
	}
	pmpool_format_write(&fmt, slot, &rec);
}

static void write_catalog(const char *path)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	struct pmpool_space space;
	struct pmpool_run *runs = extent_runs(&fmt, &space);
	struct pmpool_record rec;
	u32 i;

	if (!catalog)
		err(1, "catalog");
	memcpy(catalog->uuid, fmt.super.uuid, sizeof(catalog->uuid));
	catalog->generation = fmt.super.generation;
	catalog->size = fmt.size;
	catalog->metadata_size = fmt.meta_blocks * PMPOOL_FORMAT_BLOCK_SIZE;
	for (i = 0; i < space.count; i++) {
		struct catalog_extent *e = catalog_add(catalog);

		pmpool_format_read(&fmt, runs[i].slot, &rec);
		memcpy(e->name, rec.name, sizeof(e->name));
		memcpy(e->uuid, rec.uuid, sizeof(e->uuid));
		memcpy(e->tag, rec.tag, sizeof(e->tag));
		e->id = rec.id;
		e->offset = rec.first_block * PMPOOL_FORMAT_BLOCK_SIZE;
		e->size = rec.length;
		e->generation = rec.generation;
		e->uid = rec.uid;
		e->gid = rec.gid;
		e->mode = rec.mode;
	}
	free(runs);
	if (catalog_write(path, catalog))
		exit(1);
	catalog_free(catalog);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	u32 number = argc > 2 ? (u32)strtoul(argv[2], NULL, 0) : 0;

	map_pool();
	if (!strcmp(what, "wipe"))
		memset(fmt.mem, 0, fmt.meta_blocks * PMPOOL_FORMAT_BLOCK_SIZE);
	else if (argc < 3)
		errx(2, "see the source");
	else if (!strcmp(what, "flip"))
		((u8 *)fmt.mem)[number] ^= 4;
	else if (!strcmp(what, "overlap") && argc == 4)
		put_extent(number, argv[3], 0);
	else if (!strcmp(what, "name"))
		put_extent(number, NULL, fmt.blocks - 1);
	else if (!strcmp(what, "limit") && argc == 4)
		pmpool_format_write_limit(&fmt, number, (u32)strtoul(argv[3], NULL, 0), 1, 1);
	else if (!strcmp(what, "catalog"))
		write_catalog(argv[2]);
	else
		errx(2, "see the source");
	return 0;
}
