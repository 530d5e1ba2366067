// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver in the minimal guest, in one boot: loading it, the ioctls with
 * every error of their contract, mapping, ownership, and unloading.
 *
 * Run as root with the module not loaded yet and a pool of 64 MiB or more on
 * the kernel command line.
 */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "guest.h"

static char region[64];		/* SIZE@BASE, as on the command line */
static uint64_t base, size;

static void find_region(void)
{
	const char *at = strstr(slurp("/proc/cmdline"), "pmpool.region=");
	char *end;

	if (!at)
		die("no pmpool.region= on the kernel command line");
	at += strlen("pmpool.region=");
	snprintf(region, sizeof(region), "%.*s", (int)strcspn(at, " \n"), at);
	size = strtoull(region, &end, 0);
	if (*end == 'M')
		size *= MIB, end++;
	else if (*end == 'G')
		size *= 1024 * MIB, end++;
	base = strtoull(end + 1, &end, 0);
	if (*end == 'M')
		base *= MIB;
	else if (*end == 'G')
		base *= 1024 * MIB;
}

static int load_region(const char *value)
{
	char params[128];

	snprintf(params, sizeof(params), "region=%s", value);
	messages();
	return load(params);
}

/*
 * The region itself, for when the driver does not have it: it takes the mapping
 * away each time that it claims the region.
 */
static uint8_t *raw;

static void map_raw(void)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/mem");
	raw = mmap(raw, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | (raw ? MAP_FIXED : 0), fd, base);
	if (raw == MAP_FAILED)
		die("mmap of /dev/mem");
	close(fd);
}

static void refused(const char *value, const char *why)
{
	check_errno(load_region(value), ENODEV, "region=%s", value);
	if (raw)
		map_raw();
	check(strstr(messages(), why), "and the kernel says: %s", why);
}

static void test_refusals(void)
{
	char value[64], why[128];

	begin("load");
	messages();
	check_errno(load(""), ENODEV, "no region");
	check(strstr(messages(), "boot with memmap=SIZE$BASE pmpool.region=SIZE@BASE"),
	      "and the kernel says what to boot with");
	refused("64M", "region=64M is malformed: write SIZE@BASE");
	refused("64M@", "region=64M@ is malformed");
	refused("@1G", "region=@1G is malformed");
	refused("64M@1Gx", "region=64M@1Gx is malformed");
	refused("64M@0x40001000", "region=64M@0x40001000 is not aligned: base and size must be multiples of 2 MiB");
	refused("65M@1G", "region=65M@1G is not aligned");
	refused("2M@1G", "region=2M@1G is too small: a pool needs at least 4 MiB");
	refused("16E@1G", "is too small");
	refused("8E@0x8000000000000000", "region=8E@0x8000000000000000 is not inside the address space");

	/* The kernel itself is below 512 MiB, and surely RAM. */
	refused("64M@256M", "is System RAM: boot with memmap=0x4000000$0x10000000 (in GRUB's configuration write ");
	/* Half reserved, half RAM. */
	snprintf(value, sizeof(value), "%#llx@%#llx", (unsigned long long)(4 * BLOCK),
		 (unsigned long long)(base + size - 2 * BLOCK));
	snprintf(why, sizeof(why), "is System RAM: boot with memmap=%#llx$%#llx",
		 (unsigned long long)(4 * BLOCK), (unsigned long long)(base + size - 2 * BLOCK));
	refused(value, why);
	check(access(POOL, F_OK), "no pool after all that");
}

static void iomem_range(uint64_t *start, uint64_t *end, bool *in_ram)
{
	char *line, *save, *text = strdup(slurp("/proc/iomem"));

	*start = *end = 0;
	*in_ram = false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long from, to;

		if (sscanf(line, " %llx-%llx", &from, &to) != 2)
			continue;
		if (strstr(line, "Persistent Memory Pool")) {
			*start = from;
			*end = to;
		}
		if (strstr(line, "System RAM") && from < base + size && to >= base)
			*in_ram = true;
	}
	free(text);
}

static void test_attach(void)
{
	uint64_t start, end;
	bool in_ram;
	char path[64];
	struct pmpool_info pool;
	struct stat st;
	int fd;

	begin("attach");
	check_errno(load_region(region), 0, "the region of the command line");
	check(strstr(messages(), "generation 1, 0 extents"), "the kernel says what it attached");
	iomem_range(&start, &end, &in_ram);
	check(start == base && end == base + size - 1, "/proc/iomem names the region");
	check(!in_ram, "no System RAM range has a byte of it");

	check(!stat(POOL, &st) && S_ISCHR(st.st_mode) && (st.st_mode & 0777) == 0600 && !st.st_uid,
	      POOL " is root's, mode 0600");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	pool = info(fd);
	check(pool.abi_version == 1 && pool.format_version == 1, "versions are 1");
	check(pool.pool_size == size && pool.block_size == BLOCK && pool.metadata_size == BLOCK,
	      "its sizes are right");
	check(pool.free == size - BLOCK && pool.largest_free == pool.free, "all but metadata is free");
	check(pool.generation == 1 && pool.was_clean == 1 && pool.state == PMPOOL_STATE_OK &&
	      pool.extents == 0 && pool.max_extents == PMPOOL_FORMAT_SLOTS &&
	      pool.backing == PMPOOL_BACKING_RESERVED, "its state is right");
	check(pool.base == base, "root is told where it lies");
	check(pool.attach_time && pool.format_time && pool.attach_time >= pool.format_time &&
	      !pool.handover_time, "its times are right");
	close(fd);

	check(sysfs("size") == size && sysfs("free") == size - BLOCK && sysfs("extents") == 0 &&
	      sysfs("generation") == 1 && sysfs("clean") == 1, "sysfs says the same");
	check(!strcmp(slurp(SYSFS "state"), "ok") && !strcmp(slurp(SYSFS "backing"), "reserved") &&
	      strlen(slurp(SYSFS "uuid")) == 36, "in words too");
	snprintf(path, sizeof(path), "%#llx-%#llx", (unsigned long long)base,
		 (unsigned long long)(base + size - 1));
	check(!strcmp(slurp(SYSFS "resource"), path) &&
	      !stat(SYSFS "resource", &st) && (st.st_mode & 0777) == 0400,
	      "where it lies stands in a file that only root reads");

	check_errno(load_region(region), EEXIST, "loading it a second time");
}

struct any {
	uint32_t size;
	uint32_t flags;
	uint8_t rest[508];
};

/* The error of a call whose struct is in a page that can not be written. */
static int read_only(int fd, unsigned int cmd, void *page)
{
	int ret;

	mprotect(page, 4096, PROT_READ);
	ret = ioctl(fd, cmd, page) ? errno : 0;
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	return ret;
}

static void test_abi(int fd)
{
	static const struct {
		const char *name;
		unsigned int cmd;
		uint32_t size;
		uint32_t known_flags;
		uint32_t first;		/* its size in the first version, if another */
	} ops[] = {
		{ "INFO", PMPOOL_INFO, sizeof(struct pmpool_info), 0,
		  offsetof(struct pmpool_info, lent) },
		{ "CREATE", PMPOOL_CREATE, sizeof(struct pmpool_create), 0, 0 },
		{ "OPEN", PMPOOL_OPEN, sizeof(struct pmpool_open), 3, 0 },
		{ "REMOVE", PMPOOL_REMOVE, sizeof(struct pmpool_remove), 0, 0 },
		{ "NEXT", PMPOOL_NEXT, sizeof(struct pmpool_next), PMPOOL_NEXT_HELD, 0 },
		{ "RENAME", PMPOOL_RENAME, sizeof(struct pmpool_rename), 0, 0 },
		{ "RESIZE", PMPOOL_RESIZE, sizeof(struct pmpool_resize), 0,
		  offsetof(struct pmpool_resize, timeout) },
		{ "SET", PMPOOL_SET, sizeof(struct pmpool_set), 15, 0 },
		{ "SEAL", PMPOOL_SEAL, sizeof(struct pmpool_seal), 0, 0 },
		{ "LIMIT", PMPOOL_LIMIT, sizeof(struct pmpool_limit), 1, 0 },
		{ "REPAIR", PMPOOL_REPAIR, sizeof(struct pmpool_repair), 0, 0 },
		{ "LEND", PMPOOL_LEND, sizeof(struct pmpool_lend), PMPOOL_LEND_SET, 0 },
	};
	struct pmpool_limit limit = { .size = sizeof(limit), .uid = 1, .flags = PMPOOL_LIMIT_SET };
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct any *arg = (struct any *)page;
	struct pmpool_extent_info ext;
	unsigned int i;

	begin("abi");
	mprotect(page + 4096, 4096, PROT_NONE);
	for (i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		memset(page, 0, 4096);
		arg->size = (ops[i].first ?: ops[i].size) - 1;
		check_errno(ioctl(fd, ops[i].cmd, arg), EINVAL, "%s, too short", ops[i].name);
		arg->size = 0;
		check_errno(ioctl(fd, ops[i].cmd, arg), EINVAL, "%s, size 0", ops[i].name);

		/* Behind what the kernel knows: zero is accepted, else it is refused. */
		arg->size = ops[i].size + 8;
		page[ops[i].size + 7] = 1;
		check_errno(ioctl(fd, ops[i].cmd, arg), E2BIG, "%s, a byte the kernel does not know",
			    ops[i].name);
		page[ops[i].size + 7] = 0;
		errno = 0;
		check(ioctl(fd, ops[i].cmd, arg) == 0 || (errno != E2BIG && errno != ENOTTY),
		      "%s, a longer struct with a zero tail is taken", ops[i].name);

		arg->size = ops[i].size;
		arg->flags = 1U << 31;
		check_errno(ioctl(fd, ops[i].cmd, arg), EOPNOTSUPP, "%s, unknown flag", ops[i].name);
		arg->flags = ops[i].known_flags + 1;
		check_errno(ioctl(fd, ops[i].cmd, arg), EOPNOTSUPP, "%s, next free flag", ops[i].name);
		check_errno(ioctl(fd, ops[i].cmd, page + 4096), EFAULT, "%s, no memory", ops[i].name);
		*(uint32_t *)(page + 4092) = ops[i].size;
		check_errno(ioctl(fd, ops[i].cmd, page + 4092), EFAULT, "%s, part of the struct",
			    ops[i].name);
	}
	check_errno(ioctl(fd, _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_LEND + 1), arg), ENOTTY, "unknown command");
	check_errno(ioctl(fd, _IO(PMPOOL_IOC_TYPE, 0), arg), ENOTTY, "command 0");
	check_errno(ioctl(fd, _IO('x', PMPOOL_CMD_INFO), arg), ENOTTY, "another driver's command");
	check_errno(ioctl(fd, _IOR(PMPOOL_IOC_TYPE, PMPOOL_CMD_INFO, int), arg), ENOTTY,
		    "the number with a size in it");

	memset(page, 0, 4096);
	*(struct pmpool_info *)page = (struct pmpool_info){ .size = sizeof(struct pmpool_info),
							    .__reserved = 1 };
	check_errno(ioctl(fd, PMPOOL_INFO, page), EINVAL, "INFO, padding");

	/* What can not be told is not done. */
	memset(page, 0, 4096);
	*(struct pmpool_create *)page = (struct pmpool_create){ .size = sizeof(struct pmpool_create),
								.name = "readonly", .length = BLOCK };
	check(read_only(fd, PMPOOL_CREATE, page) == EFAULT && info(fd).extents == 0 &&
	      access(NODES "readonly", F_OK), "CREATE in memory that is not writable: EFAULT, and nothing");
	create(fd, "readonly", BLOCK);
	*(struct pmpool_resize *)page = (struct pmpool_resize){ .size = sizeof(struct pmpool_resize),
								.name = "readonly",
								.length = 2 * BLOCK };
	check(read_only(fd, PMPOOL_RESIZE, page) == EFAULT && !open_extent(fd, "readonly", 0, &ext) &&
	      ext.length == BLOCK, "RESIZE there: EFAULT, and nothing");
	remove_extent(fd, "readonly");
	memset(page, 0, 4096);
	*(struct pmpool_limit *)page = limit;
	check(read_only(fd, PMPOOL_LIMIT, page) == EFAULT, "LIMIT there: EFAULT");
	limit.flags = 0;
	check(!ioctl(fd, PMPOOL_LIMIT, &limit) && limit.max_extents == PMPOOL_UNLIMITED,
	      "and no limit");
	munmap(page, 8192);
}

static void test_create_errors(int fd)
{
	struct pmpool_create good = { .size = sizeof(good), .length = BLOCK, .mode = 0600 }, arg;
	uint64_t all = info(fd).free;
	int ro = open(POOL, O_RDONLY | O_CLOEXEC);
	char longest[65];

	begin("create");
	set_name(good.name, "good");
	check_errno(create(ro, "good", BLOCK), EBADF, "through a file opened for reading");
	close(ro);
	check_errno(create(fd, "", BLOCK), EINVAL, "no name");
	check_errno(create(fd, ".", BLOCK), EINVAL, "name '.'");
	check_errno(create(fd, "..", BLOCK), EINVAL, "name '..'");
	check_errno(create(fd, "a/b", BLOCK), EINVAL, "name 'a/b'");
	check_errno(create(fd, "a b", BLOCK), EINVAL, "name 'a b'");
	check_errno(create(fd, "\xc3\xa4", BLOCK), EINVAL, "a name that is not ASCII");
	memset(longest, 'n', 64);
	longest[64] = '\0';
	check_errno(create(fd, longest, BLOCK), EINVAL, "a name of 64 characters");
	arg = good;
	arg.name[20] = 'x';
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), EINVAL, "something behind the name's NUL");
	check_errno(create(fd, "good", 0), EINVAL, "size 0");
	arg = good;
	arg.mode = 01000;
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), EINVAL, "mode 01000");
	arg = good;
	arg.align = 3 * BLOCK;
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), EINVAL, "an alignment of three blocks");
	arg.align = 4096;
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), EINVAL, "an alignment of a page");
	arg.align = 1ULL << 63;
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), ENOSPC, "an alignment that only address 0 has");
	check_errno(create(fd, "good", all + 1), ENOSPC, "a byte more than there is");
	check_errno(create(fd, "good", UINT64_MAX), ENOSPC, "2^64-1 bytes");
	check(info(fd).extents == 0 && info(fd).free == all, "nothing was created by all that");

	check_errno(create(fd, "good", all), 0, "as much as there is");
	check(info(fd).free == 0 && info(fd).largest_free == 0, "nothing is left");
	check_errno(create(fd, "good", BLOCK), EEXIST, "an existing name");
	check_errno(create(fd, "more", 1), ENOSPC, "one byte in a full pool");
	check_errno(remove_extent(fd, "good"), 0, "removed");
	check(info(fd).free == all, "all is free again");
	longest[63] = '\0';
	check_errno(create(fd, longest, 1), 0, "a name of 63 characters, 1 byte");
	check(info(fd).free == all - BLOCK, "takes a block");
	check_errno(remove_extent(fd, longest), 0, "removed");
}

static void test_create(int fd)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = 3 * MIB, .mode = 0640,
				     .align = 4 * BLOCK, .tag = "schema 7" };
	struct pmpool_extent_info ext;
	struct stat st;

	begin("extent");
	set_name(arg.name, "table.1");
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), 0, "created");
	check(arg.id && arg.offset && !((base + arg.offset) % (4 * BLOCK)), "aligned as wanted");
	check(!stat(NODES "table.1", &st) && S_ISCHR(st.st_mode) && (st.st_mode & 07777) == 0640 &&
	      st.st_uid == 0 && st.st_gid == 0, "its device is there with owner and mode");
	check_errno(open_extent(fd, "table.1", 0, &ext), 0, "looked up");
	check(!strcmp(ext.name, "table.1") && ext.id == arg.id && ext.offset == arg.offset &&
	      ext.length == 3 * MIB && ext.mode == 0640 && ext.uid == 0 && ext.gid == 0 &&
	      !memcmp(ext.tag, arg.tag, sizeof(ext.tag)) && ext.create_generation == 1 &&
	      ext.create_time && ext.flags == PMPOOL_EXTENT_CLEAN, "and is what was asked for");
	check(strtoull(slurp("/sys/class/pmpool/table.1/offset"), NULL, 0) == ext.offset &&
	      strtoull(slurp("/sys/class/pmpool/table.1/size"), NULL, 0) == ext.length &&
	      strtoull(slurp("/sys/class/pmpool/table.1/id"), NULL, 0) == ext.id &&
	      !strcmp(slurp("/sys/class/pmpool/table.1/mode"), "0640") &&
	      !strcmp(slurp("/sys/class/pmpool/table.1/clean"), "1") &&
	      !strcmp(slurp("/sys/class/pmpool/table.1/mappings"), "0") &&
	      !strncmp(slurp("/sys/class/pmpool/table.1/tag"), "736368656d612037", 16),
	      "sysfs says the same");
	check_errno(remove_extent(fd, "table.1"), 0, "removed");
	check(access(NODES "table.1", F_OK) && access("/sys/class/pmpool/table.1", F_OK),
	      "its device is gone");
}

static void test_mapping(int fd)
{
	struct pmpool_extent_info ext;
	int ro = open(POOL, O_RDONLY | O_CLOEXEC), node;
	uint64_t *mem, *same;
	struct rusage before, after;
	size_t i;

	begin("mmap");
	create(fd, "a", 8 * BLOCK);
	create(fd, "b", 5000);
	open_extent(fd, "a", 0, &ext);
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, ext.offset), EACCES,
		    "an extent that was not opened");
	check_errno(open_extent(fd, "a", PMPOOL_OPEN_READ, NULL), 0, "opened for reading");
	check_errno(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ext.offset), EACCES,
		    "for writing, after that");
	mem = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, ext.offset);
	check(mem != MAP_FAILED, "for reading, after that");
	check_errno(mprotect(mem, BLOCK, PROT_READ | PROT_WRITE), EACCES, "made writable");
	check(zeroes(mem, BLOCK), "a new extent reads as zeroes");
	munmap(mem, BLOCK);
	check_errno(open_extent(ro, "a", PMPOOL_OPEN_WRITE, NULL), EBADF,
		    "opened for writing through a file opened for reading");
	check_errno(open_extent(fd, "a", PMPOOL_OPEN_WRITE, NULL), 0, "opened for writing");
	check_errno(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, ext.offset), EINVAL,
		    "MAP_PRIVATE");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, ext.offset), EINVAL,
		    "MAP_PRIVATE, for reading");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0), ENXIO, "the metadata");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, size), ENXIO, "behind the pool");
	check_errno(mmap(NULL, 9 * BLOCK, PROT_READ, MAP_SHARED, fd, ext.offset), ENXIO,
		    "more than the extent");
	check_errno(mmap(NULL, 2 * BLOCK, PROT_READ, MAP_SHARED, fd, ext.offset + 7 * BLOCK), ENXIO,
		    "over its end");

	mem = mmap(NULL, 8 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ext.offset);
	check(mem != MAP_FAILED && !((uintptr_t)mem % BLOCK), "all of it, at an address that suits");
	getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < 8 * BLOCK; i += 4096)
		mem[i / 8] = i;
	getrusage(RUSAGE_SELF, &after);
	check(after.ru_minflt - before.ru_minflt <= 8, "8 blocks are touched with %ld page faults",
	      after.ru_minflt - before.ru_minflt);
	same = map_node("a", 8 * BLOCK, PROT_READ);
	for (i = 0; i < 8 * BLOCK && same != MAP_FAILED && same[i / 8] == i; i += 4096)
		;
	check(i == 8 * BLOCK, "its own device shows the same bytes");
	munmap(same, 8 * BLOCK);

	/* An odd place and length: 4 KiB pages. */
	node = open(NODES "a", O_RDWR | O_CLOEXEC);
	same = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, node, 3 * BLOCK - 4096);
	check(same != MAP_FAILED && same[0] == 3 * BLOCK - 4096 && same[512] == 3 * BLOCK,
	      "a few pages over the border of two blocks");
	munmap(same, 12288);
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, node, 8 * BLOCK), ENXIO,
		    "behind the extent, by its own device");
	check(lseek(node, 0, SEEK_END) == (off_t)(8 * BLOCK), "lseek tells its length");
	{
		struct pmpool_open arg = { .size = sizeof(arg) };

		check(!ioctl(node, PMPOOL_OPEN, &arg) && !strcmp(arg.info.name, "a") &&
		      arg.info.flags == PMPOOL_EXTENT_MAPPED, "its device describes it: mapped, dirty");
		arg.id = 1;
		check_errno(ioctl(node, PMPOOL_OPEN, &arg), EINVAL, "its device, asked for another");
		check_errno(ioctl(node, PMPOOL_INFO, &arg), ENOTTY, "its device, asked for the pool");
	}
	close(node);

	check(sysfs("../../pmpool/a/mappings") == 1 && sysfs("../../pmpool/a/clean") == 0,
	      "sysfs counts the mapping and calls it dirty");
	munmap((char *)mem + 2 * BLOCK, 2 * BLOCK);
	check(sysfs("../../pmpool/a/mappings") == 2, "a hole makes two of it");
	check_errno(remove_extent(fd, "a"), EBUSY, "remove it while it is mapped");
	munmap(mem, 2 * BLOCK);
	check_errno(remove_extent(fd, "a"), EBUSY, "remove it while half of it is mapped");
	munmap((char *)mem + 4 * BLOCK, 4 * BLOCK);
	open_extent(fd, "a", 0, &ext);
	check(ext.flags == PMPOOL_EXTENT_CLEAN, "unmapped, it is clean");

	mem = map_node("b", 8192, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED, "5000 bytes map as two pages");
	mem[1023] = 77;
	munmap(mem, 8192);
	check_errno(map_node("b", 12288, PROT_READ), ENXIO, "and not as three");
	mem = map_node("b", 8192, PROT_READ);
	check(mem != MAP_FAILED && mem[1023] == 77, "what was written stays");
	open_extent(fd, "b", 0, &ext);
	check(ext.flags == (PMPOOL_EXTENT_CLEAN | PMPOOL_EXTENT_MAPPED),
	      "a mapping that can not become writable leaves it clean");
	munmap(mem, 8192);
	close(ro);
}

static void test_core_dump(int fd)
{
	char line[4096];
	bool found = false, dontdump = false;
	void *mem;
	FILE *f;

	(void)fd;
	begin("mmap");
	mem = map_node("b", 8192, PROT_READ | PROT_WRITE);
	f = fopen("/proc/self/smaps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, NODES "b"))
			found = true;
		if (found && !strncmp(line, "VmFlags:", 8)) {
			dontdump = strstr(line, " dd");
			break;
		}
	}
	if (f)
		fclose(f);
	check(found && dontdump, "a mapping stays out of core dumps");
	munmap(mem, 8192);
}

static void test_fork(int fd)
{
	uint64_t *mem;
	pid_t pid;
	int status, pipes[2];
	char byte;

	begin("mmap");
	mem = map_node("b", 4096, PROT_READ | PROT_WRITE);
	if (pipe(pipes))
		die("pipe");
	pid = fork();
	if (!pid) {
		mem[1] = 4711;
		if (write(pipes[1], "", 1) != 1)
			die("pipe");
		for (;;)
			pause();
	}
	munmap(mem, 4096);
	if (read(pipes[0], &byte, 1) != 1)
		die("the child");
	check(sysfs("../../pmpool/b/mappings") == 1, "a child keeps the mapping");
	check_errno(remove_extent(fd, "b"), EBUSY, "remove it while a child has it mapped");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipes[0]);
	close(pipes[1]);
	check(sysfs("../../pmpool/b/mappings") == 0, "kill -9 lets go of it");
	mem = map_node("b", 4096, PROT_READ);
	check(mem != MAP_FAILED && mem[1] == 4711, "and what the child wrote is there");
	munmap(mem, 4096);
}

static void test_remove(int fd)
{
	struct pmpool_remove arg = { .size = sizeof(arg) };
	struct pmpool_extent_info ext;
	uint64_t *mem;
	int node;

	begin("remove");
	check_errno(remove_extent(fd, "nobody"), ENOENT, "a name that is not there");
	check_errno(remove_extent(fd, "a/b"), EINVAL, "a malformed name");
	check_errno(ioctl(fd, PMPOOL_REMOVE, &arg), EINVAL, "neither name nor id");
	arg.id = 5;
	set_name(arg.name, "a");
	check_errno(ioctl(fd, PMPOOL_REMOVE, &arg), EINVAL, "both name and id");
	set_name(arg.name, "");
	arg.id = 999999;
	check_errno(ioctl(fd, PMPOOL_REMOVE, &arg), ENOENT, "an id that is not there");

	open_extent(fd, "a", 0, &ext);
	arg.id = ext.id;
	mem = map_node("a", 8 * BLOCK, PROT_READ | PROT_WRITE);
	fill(mem, 8 * BLOCK, 1);
	munmap(mem, 8 * BLOCK);
	node = open(NODES "a", O_RDWR | O_CLOEXEC);
	check_errno(ioctl(fd, PMPOOL_REMOVE, &arg), 0, "by id, while its device is open");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, node, 0), ENODEV,
		    "the open device maps nothing any more");
	check_errno(open_extent(fd, "a", 0, NULL), ENOENT, "it is gone");

	check_errno(create(fd, "a", 8 * BLOCK), 0, "a new one of the same name, in the same blocks");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, node, 0), ENODEV,
		    "the old device does not become the new one's");
	close(node);
	open_extent(fd, "a", 0, &ext);
	check(ext.id != arg.id, "it has another id");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, ext.offset), EACCES,
		    "what the old one granted, the new one does not");
	mem = map_node("a", 8 * BLOCK, PROT_READ);
	check(mem != MAP_FAILED && zeroes(mem, 8 * BLOCK), "and shows none of the old one's bytes");
	munmap(mem, 8 * BLOCK);
}

static void test_next(int fd)
{
	struct pmpool_next arg = { .size = sizeof(arg) };
	uint64_t last = 0, sum = 0, until = 0;
	unsigned int count = 0, overlaps = 0;
	char name[16];
	int i;

	begin("next");
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		create(fd, name, (i % 3 + 1) * MIB);
	}
	for (i = 0; i < 20; i += 3) {
		snprintf(name, sizeof(name), "n%d", i);
		remove_extent(fd, name);
	}
	create(fd, "late", 1);
	while (!ioctl(fd, PMPOOL_NEXT, &arg)) {
		uint64_t blocks = (arg.info.length + BLOCK - 1) / BLOCK;

		count++;
		overlaps += arg.info.offset < until;
		until = arg.info.offset + blocks * BLOCK;
		sum += blocks * BLOCK;
		last = arg.info.offset;
	}
	check_errno(ioctl(fd, PMPOOL_NEXT, &arg), ENOENT, "behind the last");
	check(count == info(fd).extents, "tells of all %u extents", count);
	check(!overlaps && last, "in the order of their offsets, and no two overlap");
	check(sum + BLOCK + info(fd).free == size, "they, the metadata and what is free are the pool");
	arg.cursor = UINT64_MAX;
	check_errno(ioctl(fd, PMPOOL_NEXT, &arg), ENOENT, "a cursor far behind the end");

	/* Removing what was just told of does not disturb the walk. */
	arg.cursor = 0;
	count = 0;
	while (!ioctl(fd, PMPOOL_NEXT, &arg)) {
		if (arg.info.name[0] == 'n' || arg.info.name[0] == 'l')
			count += !remove_extent(fd, arg.info.name);
	}
	check(count == 14, "a walk that removes as it goes finds each: %u", count);
}

static void test_many(int fd)
{
	uint64_t room = info(fd).free / BLOCK;
	unsigned int made = 0, removed = 0;
	char name[16];

	begin("many");
	for (;;) {
		snprintf(name, sizeof(name), "m%u", made);
		if (create(fd, name, 1))
			break;
		made++;
	}
	check((errno == ENOSPC && made == room) ||
	      (errno == ENFILE && info(fd).extents == PMPOOL_FORMAT_SLOTS),
	      "%u extents until the pool is full (%s)", made, strerrorname_np(errno));
	for (removed = 0; removed < made; removed++) {
		snprintf(name, sizeof(name), "m%u", removed);
		if (remove_extent(fd, name))
			break;
	}
	check(removed == made && info(fd).free == room * BLOCK, "and all of them removed");
}

/* As another user: uid and gid, without capabilities. Returns the child's failures. */
static void as_user(uid_t uid, gid_t gid, void (*test)(int fd), int fd)
{
	unsigned int checks_before = tap_checks;
	int status, result[2];
	unsigned int counts[2];
	pid_t pid;

	if (pipe(result))
		die("pipe");
	pid = fork();
	if (!pid) {
		if (setgid(gid) || setuid(uid))
			die("setuid");
		test(fd);
		counts[0] = tap_checks;
		counts[1] = tap_failures;
		if (write(result[1], counts, sizeof(counts)) != sizeof(counts))
			die("pipe");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(result[1]);
	if (read(result[0], counts, sizeof(counts)) != sizeof(counts)) {
		check(false, "the test as uid %u ended with status %#x", uid, status);
	} else {
		tap_checks = counts[0];
		tap_failures = counts[1];
	}
	close(result[0]);
	if (tap_checks == checks_before)
		check(false, "the test as uid %u checked nothing", uid);
}

static void as_owner(int fd)
{
	struct pmpool_extent_info ext;
	uint64_t *mem;

	check_errno(create(fd, "mine", BLOCK), 0, "a user creates an extent");
	open_extent(fd, "mine", 0, &ext);
	check(ext.uid == 1000 && ext.gid == 1000, "it is the user's");
	check(info(fd).base == 0, "the user is not told where the pool lies");
	mem = map_node("mine", BLOCK, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED, "the user maps it by its device");
	if (mem != MAP_FAILED) {
		mem[0] = 1;
		munmap(mem, BLOCK);
	}
	check_errno(open_extent(fd, "roots", PMPOOL_OPEN_READ, NULL), EACCES, "opens another's, mode 0600");
	check_errno(map_node("roots", BLOCK, PROT_READ), EACCES, "maps another's by its device");
	check_errno(remove_extent(fd, "roots"), EPERM, "removes another's");
	check_errno(open_extent(fd, "shared", PMPOOL_OPEN_READ, NULL), 0, "reads one with mode 0644");
	check_errno(open_extent(fd, "shared", PMPOOL_OPEN_WRITE, NULL), EACCES, "writes it");
	check_errno(open_extent(fd, "group", PMPOOL_OPEN_WRITE, NULL), 0,
		    "writes one with mode 0660 of the user's group");
}

static void as_stranger(int fd)
{
	check_errno(open_extent(fd, "mine", PMPOOL_OPEN_READ, NULL), EACCES, "a stranger opens it");
	check_errno(remove_extent(fd, "mine"), EPERM, "removes it");
	check_errno(open_extent(fd, "group", PMPOOL_OPEN_READ, NULL), EACCES,
		    "opens one of a group the stranger is not in");
	check_errno(open(POOL, O_RDWR), EACCES, "opens " POOL);
	/* An open file that was handed over carries its grants, and no more. */
	check_errno(open_extent(fd, "roots", PMPOOL_OPEN_READ, NULL), EACCES, "opens root's");
}

static void test_owners(int fd)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = BLOCK, .mode = 0644 };

	begin("owners");
	create(fd, "roots", BLOCK);
	set_name(arg.name, "shared");
	ioctl(fd, PMPOOL_CREATE, &arg);
	set_name(arg.name, "group");
	arg.mode = 0660;
	setfsgid(1000);
	ioctl(fd, PMPOOL_CREATE, &arg);
	setfsgid(0);
	as_user(1000, 1000, as_owner, fd);
	as_user(1001, 1001, as_stranger, fd);
	check_errno(remove_extent(fd, "mine"), 0, "root removes it");
	remove_extent(fd, "roots");
	remove_extent(fd, "shared");
	remove_extent(fd, "group");
}

static void test_rename(int fd)
{
	struct pmpool_extent_info before, after;
	uint64_t *mem;
	int node;

	begin("rename");
	create(fd, "old", 2 * BLOCK);
	create(fd, "other", 1);
	mem = map_node("old", 2 * BLOCK, PROT_READ | PROT_WRITE);
	fill(mem, 2 * BLOCK, 3);
	open_extent(fd, "old", PMPOOL_OPEN_WRITE, &before);
	check_errno(rename_extent(fd, "old", "new"), EBUSY, "a mapped one");
	munmap(mem, 2 * BLOCK);
	check_errno(rename_extent(fd, "nobody", "new"), ENOENT, "a missing one");
	check_errno(rename_extent(fd, "old", "a/b"), EINVAL, "to a malformed name");
	check_errno(rename_extent(fd, "old", ""), EINVAL, "to no name");
	check_errno(rename_extent(fd, "old", "other"), EEXIST, "to a name that is taken");
	check_errno(rename_extent(fd, "old", "old"), EEXIST, "to its own name");
	node = open(NODES "old", O_RDWR | O_CLOEXEC);
	check_errno(rename_extent(fd, "old", "new"), 0, "while its device is open");
	check_errno(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, node, 0), ENODEV, "which maps nothing now");
	close(node);
	check(access(NODES "old", F_OK) && access("/sys/class/pmpool/old", F_OK) &&
	      !access(NODES "new", F_OK) && !access("/sys/class/pmpool/new", F_OK),
	      "the old device is gone, the new one there");
	check_errno(open_extent(fd, "old", 0, NULL), ENOENT, "the old name");
	check_errno(open_extent(fd, "new", 0, &after), 0, "the new name");
	check(after.id == before.id && after.offset == before.offset && after.mode == before.mode &&
	      !memcmp(after.uuid, before.uuid, 16), "all but the name is as it was");
	mem = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, after.offset);
	check(mem != MAP_FAILED && !mismatches(mem, 2 * BLOCK, 3), "grants stay, and every byte");
	munmap(mem, 2 * BLOCK);
	check_errno(rename_extent(fd, "new", "old"), 0, "back");
	check_errno(rename_extent(fd, "old", "new"), 0, "and forth");
	check_errno(remove_extent(fd, "new"), 0, "removed by its new name");
	remove_extent(fd, "other");
}

static void test_first_open(int fd)
{
	uint64_t first, attached = info(fd).attach_time;
	int node, ro = open(POOL, O_RDONLY | O_CLOEXEC);

	begin("first open");
	create(fd, "seen", 1);
	check(sysfs("../../pmpool/seen/first_open") == 0 && sysfs("../../pmpool/seen/was_clean") == 1,
	      "a new extent was clean, and never opened");
	open_extent(fd, "seen", 0, NULL);
	check_errno(open_extent(ro, "seen", PMPOOL_OPEN_WRITE, NULL), EBADF, "opened in vain");
	check(sysfs("../../pmpool/seen/first_open") == 0, "neither that nor a look counts");
	open_extent(ro, "seen", PMPOOL_OPEN_READ, NULL);
	first = sysfs("../../pmpool/seen/first_open");
	check(first > attached, "through the pool's device it does");
	node = open(NODES "seen", O_RDWR | O_CLOEXEC);
	check(node >= 0 && sysfs("../../pmpool/seen/first_open") == first, "the second one does not");
	close(node);
	check_errno(rename_extent(fd, "seen", "known"), 0, "renamed");
	check(sysfs("../../pmpool/known/first_open") == first, "it stays");
	remove_extent(fd, "known");
	create(fd, "seen", 1);
	node = open(NODES "seen", O_RDONLY | O_CLOEXEC);
	check(sysfs("../../pmpool/seen/first_open") > first, "through its own device it counts");
	close(node);
	close(ro);
	remove_extent(fd, "seen");
}

static int resize(int fd, const char *name, uint64_t length, uint64_t *largest)
{
	struct pmpool_resize arg = { .size = sizeof(arg), .length = length };
	int ret;

	set_name(arg.name, name);
	ret = ioctl(fd, PMPOOL_RESIZE, &arg);
	*largest = arg.largest;
	return ret;
}

static void test_resize(int fd)
{
	struct pmpool_extent_info ext;
	uint64_t *mem, *more, largest, room;

	begin("resize");
	create(fd, "size", BLOCK + 100);
	mem = map_node("size", 2 * BLOCK, PROT_READ | PROT_WRITE);
	check(mem == MAP_FAILED, "a page more than there is can not be mapped");
	mem = map_node("size", BLOCK + 4096, PROT_READ | PROT_WRITE);
	fill(mem, BLOCK + 4096, 4);
	check_errno(resize(fd, "nobody", BLOCK, &largest), ENOENT, "a missing one");
	check_errno(resize(fd, "size", 0, &largest), EINVAL, "to 0");
	check_errno(resize(fd, "size", BLOCK, &largest), EBUSY, "shorter, while it is mapped");
	open_extent(fd, "size", 0, &ext);
	check_errno(resize(fd, "size", UINT64_MAX, &largest), ENOSPC, "to 2^64-1 bytes");
	room = largest;
	check(largest && largest % BLOCK == 0 && ext.offset + largest <= size,
	      "which tells the largest length");
	check_errno(resize(fd, "size", room + 1, &largest), ENOSPC, "to a byte more than that");
	check_errno(resize(fd, "size", 3 * BLOCK, &largest), 0, "longer, while it is mapped");
	check(largest == room && sysfs("../../pmpool/size/size") == 3 * BLOCK, "it is as long as that");
	more = map_node("size", 3 * BLOCK, PROT_READ | PROT_WRITE);
	check(more != MAP_FAILED && !mismatches(more, BLOCK + 96, 4), "what it held is there");
	check(zeroes((char *)more + BLOCK + 100, 2 * BLOCK - 100),
	      "and zeroes behind it, also where its last page was written");
	fill(more, 3 * BLOCK, 5);
	munmap(more, 3 * BLOCK);
	munmap(mem, BLOCK + 4096);
	check_errno(resize(fd, "size", 4097, &largest), 0, "shorter");
	check_errno(create(fd, "behind", 1), 0, "an extent in what became free");
	check_errno(resize(fd, "size", 2 * BLOCK, &largest), ENOSPC, "longer, with another behind it");
	check(largest == BLOCK, "it can have its own block");
	check_errno(resize(fd, "size", largest, &largest), 0, "so much");
	mem = map_node("size", BLOCK, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, 4096, 5) && zeroes((char *)mem + 4097, BLOCK - 4097),
	      "what was cut off does not come back, nor the rest of the last page");
	munmap(mem, BLOCK);
	mem = map_node("behind", 4096, PROT_READ);
	check(mem != MAP_FAILED && zeroes(mem, 4096), "nor does another see it");
	munmap(mem, 4096);
	remove_extent(fd, "behind");
	check_errno(remove_extent(fd, "size"), 0, "removed");
}

static int set(int fd, const char *name, struct pmpool_set *arg)
{
	arg->size = sizeof(*arg);
	set_name(arg->name, name);
	return ioctl(fd, PMPOOL_SET, arg);
}

static void set_as_owner(int fd)
{
	struct pmpool_set arg = { .flags = PMPOOL_SET_MODE, .mode = 0604 };

	check_errno(set(fd, "attr", &arg), 0, "the owner sets the mode");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_UID, .uid = 1001 };
	check_errno(set(fd, "attr", &arg), EPERM, "gives it to another");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_GID, .gid = 7 };
	check_errno(set(fd, "attr", &arg), EPERM, "gives it to a group the owner is not in");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_GID, .gid = 1000 };
	check_errno(set(fd, "attr", &arg), 0, "gives it to the owner's group");
}

static void set_as_stranger(int fd)
{
	struct pmpool_set arg = { .flags = PMPOOL_SET_MODE, .mode = 0666 };
	uint64_t largest;

	check_errno(set(fd, "attr", &arg), EPERM, "a stranger sets the mode");
	check_errno(rename_extent(fd, "attr", "mine"), EPERM, "renames it");
	check_errno(resize(fd, "attr", 4 * BLOCK, &largest), EPERM, "resizes it");
	check_errno(open(NODES "attr", O_RDONLY), EACCES,
		    "opens its device, whose node allows it and whose record does not");
}

static void test_set(int fd)
{
	struct pmpool_set arg = { .flags = PMPOOL_SET_MODE, .mode = 0640 };
	struct pmpool_extent_info ext;
	struct pmpool_create c = { .size = sizeof(c), .length = 1, .mode = 0644 };
	uint64_t *mem;

	begin("set");
	set_name(c.name, "attr");
	ioctl(fd, PMPOOL_CREATE, &c);
	mem = map_node("attr", 4096, PROT_READ | PROT_WRITE);
	check_errno(set(fd, "nobody", &arg), ENOENT, "a missing one");
	check_errno(set(fd, "attr", &arg), 0, "the mode, while it is mapped");
	munmap(mem, 4096);
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_MODE, .mode = 01000 };
	check_errno(set(fd, "attr", &arg), EINVAL, "mode 01000");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_TAG, .mode = 1 };
	check_errno(set(fd, "attr", &arg), EINVAL, "a mode without its flag");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_MODE, .tag = "x" };
	check_errno(set(fd, "attr", &arg), EINVAL, "a tag without its flag");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_UID, .uid = -1 };
	check_errno(set(fd, "attr", &arg), EINVAL, "a user that does not exist");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_MODE, .__reserved = 1 };
	check_errno(set(fd, "attr", &arg), EINVAL, "padding that is not zero");
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_UID | PMPOOL_SET_GID | PMPOOL_SET_TAG,
				   .uid = 1000, .gid = 5, .tag = "tagged" };
	check_errno(set(fd, "attr", &arg), 0, "owner, group and tag");
	open_extent(fd, "attr", 0, &ext);
	check(ext.mode == 0640 && ext.uid == 1000 && ext.gid == 5 && !strcmp((char *)ext.tag, "tagged"),
	      "all are set, and the mode is as it was");
	as_user(1000, 1000, set_as_owner, fd);
	/* No udev here: the node still has the mode that the record had at first. */
	arg = (struct pmpool_set){ .flags = PMPOOL_SET_MODE, .mode = 0600 };
	set(fd, "attr", &arg);
	as_user(1001, 1001, set_as_stranger, fd);
	remove_extent(fd, "attr");
}

static int seal(int fd, const char *name)
{
	struct pmpool_seal arg = { .size = sizeof(arg) };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_SEAL, &arg);
}

static bool clean(int fd, const char *name)
{
	struct pmpool_extent_info ext = { };

	open_extent(fd, name, 0, &ext);
	return ext.flags & PMPOOL_EXTENT_CLEAN;
}

static void test_seal(int fd)
{
	volatile uint64_t *mem, *again, sum = 0;
	uint64_t *other;
	int node, ro;
	size_t i;

	begin("seal");
	create(fd, "sealed", 2 * BLOCK);
	check_errno(seal(fd, "sealed"), EACCES, "an extent that was not opened");
	node = open(NODES "sealed", O_RDWR | O_CLOEXEC);
	ro = open(NODES "sealed", O_RDONLY | O_CLOEXEC);
	check_errno(seal(node, "sealed"), EINVAL, "by name, on its own device");
	check_errno(seal(ro, ""), EACCES, "through a file opened for reading");
	mem = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, node, 0);
	mem[0] = 1;
	check(!clean(fd, "sealed"), "mapped and written: dirty");
	check_errno(seal(node, ""), 0, "sealed while it is mapped");
	check(clean(fd, "sealed"), "clean");
	for (i = 0; i < 2 * BLOCK / 8; i += 512)
		sum += mem[i];
	check(sum == 1 && clean(fd, "sealed"), "reading all of it leaves it clean");
	mem[BLOCK / 8 + 1] = 2;
	check(!clean(fd, "sealed"), "a write to a page that was read makes it dirty");
	check_errno(seal(node, ""), 0, "sealed again");
	mem[3] = 3;
	check(!clean(fd, "sealed") && mem[3] == 3 && mem[BLOCK / 8 + 1] == 2 && mem[0] == 1,
	      "a write to a page that was not touched since does as well, and all is there");

	/* Single pages: a mapping that no 2 MiB fault can serve. */
	again = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, node, 4096);
	again[0] = 4;
	check_errno(seal(node, ""), 0, "sealed with two mappings");
	check(again[0] == 4 && clean(fd, "sealed"), "a small page is read");
	again[1] = 5;
	check(!clean(fd, "sealed"), "a small page is written");
	check_errno(seal(node, ""), 0, "sealed once more");
	again[2] = 6;
	check(!clean(fd, "sealed"), "a small page is written at once");
	munmap((void *)again, 8192);

	other = map_node("sealed", BLOCK, PROT_READ | PROT_WRITE);
	check_errno(seal(node, ""), EBUSY, "while another file has a writable mapping");
	munmap(other, BLOCK);
	other = map_node("sealed", BLOCK, PROT_READ);
	check_errno(seal(node, ""), 0, "another file that only reads is no hindrance");
	munmap(other, BLOCK);
	other = map_node("sealed", BLOCK, PROT_READ | PROT_WRITE);
	check(clean(fd, "sealed"), "a writable mapping of a sealed extent that is not written");
	other[5] = 7;
	check(!clean(fd, "sealed"), "until it is");
	munmap(other, BLOCK);
	munmap((void *)mem, 2 * BLOCK);
	check(clean(fd, "sealed"), "unmapped: clean");
	close(node);
	close(ro);
	check_errno(remove_extent(fd, "sealed"), 0, "removed");
}

static int limit(int fd, struct pmpool_limit *arg)
{
	arg->size = sizeof(*arg);
	return ioctl(fd, PMPOOL_LIMIT, arg);
}

static void as_limited(int fd)
{
	struct pmpool_limit arg = { .uid = 1000 };
	uint64_t largest;

	check_errno(limit(fd, &arg), 0, "a user asks for its limit");
	check(arg.max_bytes == 4 * BLOCK && arg.max_extents == 2 && !arg.bytes && !arg.extents,
	      "and is told it");
	arg = (struct pmpool_limit){ .uid = 1000, .flags = PMPOOL_LIMIT_SET };
	check_errno(limit(fd, &arg), EPERM, "sets it");
	arg = (struct pmpool_limit){ .uid = 1001 };
	check_errno(limit(fd, &arg), EPERM, "asks for another's");
	check_errno(create(fd, "l1", 5 * BLOCK), EDQUOT, "creates more than its bytes");
	check_errno(create(fd, "l1", 3 * BLOCK), 0, "creates less");
	check_errno(create(fd, "l2", 2 * BLOCK), EDQUOT, "creates a second, in all too much");
	check_errno(resize(fd, "l1", 5 * BLOCK, &largest), EDQUOT, "grows the first too far");
	check_errno(create(fd, "l2", 1), 0, "creates a small second");
	check_errno(create(fd, "l3", 1), EDQUOT, "creates a third");
	check_errno(remove_extent(fd, "l2"), 0, "removes the second");
	check_errno(create(fd, "l3", 1), 0, "creates a third then");
}

static void as_anybody(int fd)
{
	check_errno(create(fd, "any", BLOCK), EDQUOT, "a user without a limit of its own has everybody's");
}

static void test_limit(int fd)
{
	struct pmpool_limit arg = { .uid = 1000, .__reserved = 1 };

	begin("limit");
	check_errno(limit(fd, &arg), EINVAL, "padding that is not zero");
	arg = (struct pmpool_limit){ .uid = 1000, .flags = PMPOOL_LIMIT_SET,
				     .max_bytes = 4 * BLOCK + 5, .max_extents = 2 };
	check_errno(limit(fd, &arg), 0, "root sets a limit");
	check(arg.max_bytes == 4 * BLOCK, "of whole blocks");
	as_user(1000, 1000, as_limited, fd);
	arg = (struct pmpool_limit){ .uid = 1000 };
	limit(fd, &arg);
	check(arg.bytes == 4 * BLOCK && arg.extents == 2, "what the user has is counted");
	arg = (struct pmpool_limit){ .uid = -1, .flags = PMPOOL_LIMIT_SET, .max_extents = 0,
				     .max_bytes = PMPOOL_UNLIMITED };
	check_errno(limit(fd, &arg), 0, "root sets a limit for everybody");
	as_user(1001, 1001, as_anybody, fd);
	check_errno(create(fd, "roots", BLOCK), 0, "root has no limit");
	remove_extent(fd, "roots");
	remove_extent(fd, "l1");
	remove_extent(fd, "l3");
}

static void as_unlimited(int fd)
{
	check_errno(create(fd, "any", BLOCK), 0, "a user creates what it likes");
}

static void test_limit_kept(void)
{
	struct pmpool_limit arg = { .uid = 1000 };
	int fd = open(POOL, O_RDWR | O_CLOEXEC);

	begin("limit");
	limit(fd, &arg);
	check(arg.max_bytes == 4 * BLOCK && arg.max_extents == 2, "it is there after unloading");
	arg = (struct pmpool_limit){ .uid = -1 };
	limit(fd, &arg);
	check(arg.max_bytes == PMPOOL_UNLIMITED && arg.max_extents == 0, "everybody's too");
	arg = (struct pmpool_limit){ .uid = -1, .flags = PMPOOL_LIMIT_SET,
				     .max_bytes = PMPOOL_UNLIMITED, .max_extents = PMPOOL_UNLIMITED };
	check_errno(limit(fd, &arg), 0, "taken away");
	arg.uid = 1000;
	check_errno(limit(fd, &arg), 0, "both");
	as_user(1001, 1001, as_unlimited, fd);
	remove_extent(fd, "any");
	close(fd);
}

/* How many nodes of the kernel's trees there are, by which a file would know its grants. */
static long tree_nodes(void)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512];
	long n = -1;

	while (n < 0 && f && fgets(line, sizeof(line), f))
		sscanf(line, "radix_tree_node %ld", &n);
	if (f)
		fclose(f);
	return n;
}

#define ROUNDS	1000

/* A file that is open for long, through which extents come and go. */
static void test_grants(int fd)
{
	unsigned int done, tries;
	struct utsname kernel;
	long before, more;

	begin("grants");
	uname(&kernel);
	before = tree_nodes();
	for (done = 0; done < ROUNDS; done++)
		if (create(fd, "brief", BLOCK) ||
		    open_extent(fd, "brief", PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, NULL) ||
		    remove_extent(fd, "brief"))
			break;
	check(done == ROUNDS, "one file made, opened and removed %u extents", done);
	if (strstr(kernel.release, "-pmpool")) {
		check(true, "the kernel has not kept anything # skip KASAN keeps all that is freed");
		return;
	}
	/* The kernel frees its own, of sysfs, a while later. */
	for (tries = 0; tries < 600; tries++) {
		more = tree_nodes() - before;
		if (more < ROUNDS / 2)
			break;
		usleep(50000);
	}
	check(before > 0 && more < ROUNDS / 2, "the kernel has not kept anything of them");
}

static void test_metadata(int fd)
{
	struct pmpool_format_super sb;
	char byte;

	begin("metadata");
	check(pread(fd, &sb, sizeof(sb), 0) == sizeof(sb) &&
	      !memcmp(sb.magic, PMPOOL_FORMAT_MAGIC, sizeof(sb.magic)), "root reads the superblock");
	check(pread(fd, &byte, 1, BLOCK - 1) == 1 && pread(fd, &byte, 1, BLOCK) == 0,
	      "up to the end of the metadata");
	check_errno(pwrite(fd, &byte, 1, 0), EINVAL, "writes it");
}

static void test_unload(int fd)
{
	struct pmpool_extent_info ext;
	struct pmpool_info pool = info(fd);
	char uuid[64];
	uint64_t *mem;
	int node;

	begin("unload");
	check_errno(unload(), EWOULDBLOCK, "while the pool is open");
	create(fd, "kept", 3 * BLOCK);
	mem = map_node("kept", 3 * BLOCK, PROT_READ | PROT_WRITE);
	fill(mem, 3 * BLOCK, 42);
	open_extent(fd, "kept", 0, &ext);
	close(fd);
	check_errno(unload(), EWOULDBLOCK, "while an extent is mapped");
	munmap(mem, 3 * BLOCK);
	node = open(NODES "kept", O_RDONLY | O_CLOEXEC);
	check_errno(unload(), EWOULDBLOCK, "while an extent's device is open");
	close(node);
	snprintf(uuid, sizeof(uuid), "%s", slurp(SYSFS "uuid"));

	check_errno(unload(), 0, "when nothing is");
	check(access(POOL, F_OK) && access(NODES "kept", F_OK), "the devices are gone");
	check(!strstr(slurp("/proc/iomem"), "Persistent Memory Pool"), "the region is let go of");

	check_errno(load_region(region), 0, "loaded again");
	check(!strcmp(uuid, slurp(SYSFS "uuid")), "it is the same pool");
	check(sysfs("generation") == pool.generation + 1 && sysfs("clean") == 1 &&
	      sysfs("extents") == pool.extents + 1, "one generation on, clean, with all its extents");
	mem = map_node("kept", 3 * BLOCK, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, 3 * BLOCK, 42), "every byte is there");
	munmap(mem, 3 * BLOCK);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	{
		struct pmpool_extent_info now;

		open_extent(fd, "kept", 0, &now);
		check(!memcmp(ext.uuid, now.uuid, sizeof(now.uuid)) && ext.id == now.id &&
		      ext.offset == now.offset && ext.create_time == now.create_time &&
		      now.flags == PMPOOL_EXTENT_CLEAN, "the extent is the same, and clean");
	}
	close(fd);
}

static uint32_t crc32c(const void *data, size_t len)
{
	const uint8_t *at = data;
	uint32_t crc = ~0U;
	int bit;

	while (len--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Change a superblock member in both places, as a driver that knows it would. */
static void forge(uint8_t *mem, size_t offset, uint64_t value, size_t len)
{
	struct pmpool_format_super *sb = (void *)mem;

	memcpy(mem + offset, &value, len);
	sb->crc = 0;
	sb->crc = crc32c(sb, sizeof(*sb));
	memcpy(mem + BLOCK - 4096, sb, sizeof(*sb));
}

static int repair(int fd, unsigned int slot, const void *record)
{
	struct pmpool_repair arg = { .size = sizeof(arg), .slot = slot };

	memcpy(arg.record, record, sizeof(arg.record));
	return ioctl(fd, PMPOOL_REPAIR, &arg);
}

static void repair_as_user(int fd)
{
	struct pmpool_format_record rec = { };

	check_errno(repair(fd, 0, &rec), EPERM, "a user decides");
	check_errno(pread(fd, &rec, sizeof(rec), 0), EPERM, "reads the metadata");
}

/* In a degraded pool, in which the record of 'kept' is damaged. */
static void test_repair(int fd, unsigned int slot, const void *good)
{
	struct pmpool_format_record rec;
	uint64_t *data;

	begin("repair");
	as_user(1000, 1000, repair_as_user, fd);
	memcpy(&rec, good, sizeof(rec));
	check_errno(repair(fd, PMPOOL_FORMAT_SLOTS, &rec), EINVAL, "a slot behind the last");
	check_errno(repair(fd, slot + 1, &rec), EINVAL, "a slot that is not damaged");
	rec.blocks = 0;
	check_errno(repair(fd, slot, &rec), EINVAL, "a record that is not sound");
	memcpy(&rec, good, sizeof(rec));
	set_name(rec.name, "b");
	check_errno(repair(fd, slot, &rec), EEXIST, "with the name of another");
	memcpy(&rec, good, sizeof(rec));
	rec.first_block = sysfs("../../pmpool/b/offset") / BLOCK;
	check_errno(repair(fd, slot, &rec), EBUSY, "with another's blocks");
	check(!strcmp(slurp(SYSFS "state"), "degraded"), "nothing of that changes the pool");
	check_errno(repair(fd, slot, good), 0, "with the record as it was");
	check(!strcmp(slurp(SYSFS "state"), "ok") && sysfs("damaged") == 0, "the pool is whole");
	data = map_node("kept", 3 * BLOCK, PROT_READ);
	check(data != MAP_FAILED && !mismatches(data, 3 * BLOCK, 42), "the extent is back");
	munmap(data, 3 * BLOCK);
	check_errno(repair(fd, slot, good), EINVAL, "once more, with nothing damaged");
	begin("format");
}

static void test_formats(void)
{
	struct pmpool_format_super saved;
	uint8_t *mem, record[512], byte;
	uint64_t *data;
	unsigned int slot;
	int fd;

	begin("format");
	unload();
	map_raw();
	mem = raw;

	forge(mem, offsetof(struct pmpool_format_super, version), 2, 4);
	refused(region, "format version 2, this driver knows 1: load the driver that wrote it");
	forge(mem, offsetof(struct pmpool_format_super, version), 1, 4);
	forge(mem, offsetof(struct pmpool_format_super, incompat), 0x100, 8);
	refused(region, "incompatible features 0x100, this driver knows 0x0: load a newer driver");
	forge(mem, offsetof(struct pmpool_format_super, incompat), 0, 8);
	{
		char value[64], why[128];

		snprintf(value, sizeof(value), "%lluM@%#llx", (unsigned long long)(size / MIB - 2),
			 (unsigned long long)base);
		snprintf(why, sizeof(why), "name its region, region=%#llx@%#llx",
			 (unsigned long long)size, (unsigned long long)base);
		refused(value, why);
	}
	mem[100] ^= 1;
	mem[BLOCK - 4096 + 100] ^= 1;
	refused(region, "both superblocks are damaged");
	mem[100] ^= 1;
	check_errno(load_region(region), 0, "with one superblock damaged");
	check(strstr(messages(), "one of two superblocks was damaged, using the other"),
	      "and the kernel says so");
	data = map_node("kept", 3 * BLOCK, PROT_READ);
	check(data != MAP_FAILED && !mismatches(data, 3 * BLOCK, 42), "nothing is lost");
	munmap(data, 3 * BLOCK);
	unload();
	map_raw();

	forge(mem, offsetof(struct pmpool_format_super, ro_compat), 1, 8);
	memcpy(&saved, mem, sizeof(saved));
	check_errno(load_region(region), 0, "with an unknown ro_compat feature");
	check(!strcmp(slurp(SYSFS "state"), "read-only"), "the pool is read-only");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check_errno(create(fd, "new", BLOCK), EROFS, "create in it");
	check_errno(remove_extent(fd, "kept"), EROFS, "remove in it");
	check_errno(open_extent(fd, "kept", PMPOOL_OPEN_WRITE, NULL), EROFS, "open in it for writing");
	check_errno(open(NODES "kept", O_RDWR), EROFS, "open an extent's device for writing");
	data = map_node("kept", 3 * BLOCK, PROT_READ);
	check(data != MAP_FAILED && !mismatches(data, 3 * BLOCK, 42), "it can be read");
	munmap(data, 3 * BLOCK);
	close(fd);
	unload();
	map_raw();
	check(!memcmp(&saved, mem, sizeof(saved)), "and nothing was written to it");
	forge(mem, offsetof(struct pmpool_format_super, ro_compat), 0, 8);

	/* Find the record of 'kept' and damage it. */
	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		struct pmpool_format_record *rec =
			(void *)(mem + PMPOOL_FORMAT_TABLE_OFFSET + slot * 512);

		if (rec->type == PMPOOL_FORMAT_RECORD_EXTENT && !strcmp(rec->name, "kept"))
			break;
	}
	check(slot < PMPOOL_FORMAT_SLOTS, "the record is found in the region");
	mem += PMPOOL_FORMAT_TABLE_OFFSET + slot * 512;
	memcpy(record, mem, sizeof(record));
	byte = mem[50];
	mem[50] = ~byte;
	check_errno(load_region(region), 0, "with one place of a record damaged");
	data = map_node("kept", 3 * BLOCK, PROT_READ);
	check(data != MAP_FAILED && !mismatches(data, 3 * BLOCK, 42) &&
	      !strcmp(slurp(SYSFS "state"), "ok"), "nothing is lost");
	munmap(data, 3 * BLOCK);
	unload();
	map_raw();
	check(mem[50] == byte, "and it was mended");

	memcpy(record, mem, sizeof(record));
	mem[50] = ~byte;
	mem[256 + 50] = ~byte;
	check_errno(load_region(region), 0, "with both places of a record damaged");
	check(strstr(messages(), "('kept'), at offset") && !strcmp(slurp(SYSFS "state"), "degraded") &&
	      sysfs("damaged") == 1, "the pool is degraded");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check_errno(open_extent(fd, "kept", PMPOOL_OPEN_READ, NULL), ENOENT, "open the damaged one");
	check_errno(create(fd, "new", BLOCK), EUCLEAN, "create in it");
	check_errno(remove_extent(fd, "b"), EUCLEAN, "remove in it");
	data = map_node("b", 8192, PROT_READ | PROT_WRITE);
	check(data != MAP_FAILED && data[1023] == 77, "an intact extent is read and written");
	data[1023] = 78;
	munmap(data, 8192);
	test_repair(fd, slot, record);
	close(fd);
	unload();
	map_raw();
	memcpy(mem, record, sizeof(record));
	check_errno(load_region(region), 0, "with the record brought back");
	data = map_node("kept", 3 * BLOCK, PROT_READ);
	check(data != MAP_FAILED && !mismatches(data, 3 * BLOCK, 42) &&
	      !strcmp(slurp(SYSFS "state"), "ok"), "so is everything");
	munmap(data, 3 * BLOCK);
	unload();
	map_raw();
	memset(mem - slot * 512 - PMPOOL_FORMAT_TABLE_OFFSET, 0, 512);
	(mem - slot * 512 - PMPOOL_FORMAT_TABLE_OFFSET)[BLOCK - 4096 + 20] ^= 1;
	refused(region, "both superblocks are damaged");
	{
		char params[128];

		snprintf(params, sizeof(params), "region=%s format=1", region);
		check_errno(load(params), 0, "format=1 then");
		check(sysfs("generation") == 1 && sysfs("extents") == 0, "makes an empty pool");
	}
}

static void put_hold(unsigned int index, uint64_t first, uint64_t blocks, const char *name)
{
	struct pmpool_hold_record disk = { .first_block = first, .blocks = blocks };

	memcpy(disk.name, name, strlen(name));
	disk.crc = crc32c(&disk, sizeof(disk));
	memcpy(raw + PMPOOL_HOLD_TABLE_OFFSET + index * sizeof(disk), &disk, sizeof(disk));
}

/* As a kernel leaves it that keeps the pool itself. */
static void put_header(void)
{
	struct pmpool_hold_header disk = {
		.magic = PMPOOL_HOLD_MAGIC,
		.version = PMPOOL_HOLD_VERSION,
		.base = base,
		.size = size,
		.state = PMPOOL_HOLD_SEALED,
		.bitmap_crc = crc32c(raw + PMPOOL_HOLD_BITMAP_OFFSET, PMPOOL_HOLD_BITMAP_SIZE(size)),
		.table_offset = PMPOOL_HOLD_TABLE_OFFSET,
		.table_size = PMPOOL_HOLD_TABLE_SIZE,
		.bitmap_offset = PMPOOL_HOLD_BITMAP_OFFSET,
		.bitmap_size = PMPOOL_HOLD_BITMAP_SIZE(size),
	};

	disk.crc = crc32c(&disk, sizeof(disk));
	memcpy(raw + PMPOOL_HOLD_HEADER_OFFSET, &disk, sizeof(disk));
}

/* The header that there is now: valid, and not to be believed. */
static bool header_open(int fd)
{
	struct pmpool_hold_header disk;
	uint32_t crc;

	if (pread(fd, &disk, sizeof(disk), PMPOOL_HOLD_HEADER_OFFSET) != sizeof(disk))
		die("the header");
	crc = disk.crc;
	disk.crc = 0;
	return !memcmp(disk.magic, PMPOOL_HOLD_MAGIC, 8) && crc == crc32c(&disk, sizeof(disk)) &&
	       !disk.state && !disk.bitmap_crc && disk.base == base;
}

/* What users inside the kernel have is what was written there. */
static bool holds_told(int fd)
{
	struct pmpool_next arg = { .size = sizeof(arg), .flags = PMPOOL_NEXT_HELD };
	bool good;

	good = !ioctl(fd, PMPOOL_NEXT, &arg) && arg.info.offset == 10 * BLOCK &&
	       arg.info.length == 4 * BLOCK && !strcmp(arg.info.name, "a deposit!") && !arg.info.id;
	good &= !ioctl(fd, PMPOOL_NEXT, &arg) && arg.info.offset == 20 * BLOCK &&
		arg.info.length == BLOCK && !arg.info.name[0];
	return good && ioctl(fd, PMPOOL_NEXT, &arg) == -1 && errno == ENOENT &&
	       info(fd).held == 5 * BLOCK && sysfs("held") == 5 * BLOCK;
}

/* As many extents of a block as there can be: how many of them are on a hold. */
static unsigned int fill_pool(int fd, unsigned int *made)
{
	struct pmpool_extent_info ext;
	unsigned int wrong = 0;
	char name[16];

	for (*made = 0;; ++*made) {
		snprintf(name, sizeof(name), "fill-%u", *made);
		if (create(fd, name, BLOCK))
			break;
		if (open_extent(fd, name, 0, &ext))
			die(name);
		ext.offset /= BLOCK;
		wrong += (ext.offset >= 10 && ext.offset < 14) || ext.offset == 20;
	}
	return wrong;
}

static void empty_pool(int fd, unsigned int made)
{
	char name[16];

	while (made--) {
		snprintf(name, sizeof(name), "fill-%u", made);
		remove_extent(fd, name);
	}
}

static void test_holds(void)
{
	struct pmpool_repair fix = { .size = sizeof(fix) };
	struct pmpool_format_record rec;
	struct pmpool_resize resize = { .size = sizeof(resize), .length = 6 * BLOCK };
	struct pmpool_info pool;
	unsigned int made;
	char params[128];
	int fd;

	begin("hold");
	unload();
	map_raw();
	put_hold(0, 10, 4, "a deposit!");
	put_hold(1023, 20, 1, "");
	put_header();
	check_errno(load_region(region), 0, "a pool that a kernel has used itself");
	check(strstr(messages(), "the next one of them finds out anew what is free"),
	      "and the kernel says what that means");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	pool = info(fd);
	check(header_open(fd), "its bitmap is not to be believed any more");
	check(holds_told(fd), "what users inside the kernel have is told");
	check(pool.metadata_size + pool.free + pool.held == pool.pool_size && !pool.extents,
	      "and is not free");
	/* In the smallest gap, which is the one between the holds. */
	check_errno(create(fd, "start", BLOCK), 0, "an extent");
	set_name(resize.name, "start");
	check_errno(ioctl(fd, PMPOOL_RESIZE, &resize), 0, "grows up to a hold");
	resize.length = 7 * BLOCK;
	check_errno(ioctl(fd, PMPOOL_RESIZE, &resize), ENOSPC, "and not into it");
	check(resize.largest == 6 * BLOCK, "which is told");
	check(!fill_pool(fd, &made) && made == pool.free / BLOCK - 6,
	      "of all extents that there is room for none is on a hold");
	check(info(fd).free == 0 && info(fd).held == 5 * BLOCK, "nothing is free then");
	check(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 10 * BLOCK) == MAP_FAILED && errno == ENXIO,
	      "a hold can not be mapped");
	empty_pool(fd, made);
	close(fd);
	unload();
	check_errno(load_region(region), 0, "the next time");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check(header_open(fd) && holds_told(fd), "all is as it was");
	close(fd);
	unload();

	map_raw();
	raw[20] ^= 1;
	raw[BLOCK - 4096 + 20] ^= 1;
	snprintf(params, sizeof(params), "region=%s format=1", region);
	check_errno(load(params), 0, "a new pool in its place");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check(info(fd).generation == 1 && header_open(fd) && holds_told(fd),
	      "leaves the users inside the kernel what they have");
	check_errno(create(fd, "start", BLOCK), 0, "an extent in it");
	close(fd);
	unload();

	map_raw();
	raw[PMPOOL_HOLD_HEADER_OFFSET + 33] ^= 1;
	check_errno(load_region(region), 0, "with the header damaged");
	check(strstr(messages(), "is damaged, or of another region") &&
	      !strcmp(slurp(SYSFS "state"), "ok"), "the kernel says so");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check(!header_open(fd) && holds_told(fd), "what is held is known all the same");
	close(fd);
	unload();

	map_raw();
	raw[PMPOOL_HOLD_HEADER_OFFSET + 33] ^= 1;
	raw[PMPOOL_HOLD_TABLE_OFFSET + 30] ^= 1;
	check_errno(load_region(region), 0, "with what is held damaged");
	check(strstr(messages(), "record 0, at offset 0x181000, is damaged: see pmpoolctl check") &&
	      !strcmp(slurp(SYSFS "state"), "degraded") && sysfs("damaged") == 1,
	      "the pool is degraded");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check_errno(create(fd, "new", BLOCK), EUCLEAN, "create in it");
	check_errno(remove_extent(fd, "start"), EUCLEAN, "remove in it");
	check_errno(open_extent(fd, "start", PMPOOL_OPEN_WRITE, NULL), 0, "an extent can be used");
	close(fd);
	unload();

	map_raw();
	put_hold(0, 10, 4, "a deposit!");
	put_hold(3, 9, 2, "another");
	check_errno(load_region(region), 0, "with two that share a block");
	check(strstr(messages(), "shares blocks with another's") && sysfs("damaged") == 2 &&
	      !strcmp(slurp(SYSFS "state"), "degraded"), "the pool is degraded");
	unload();

	map_raw();
	put_hold(3, 14, 1, "on an extent");
	memcpy(&rec, raw + PMPOOL_FORMAT_TABLE_OFFSET, sizeof(rec));
	check_errno(load_region(region), 0, "with one that shares a block with an extent");
	check(strstr(messages(), "extent 'start', at offset 0x1c00000, shares blocks with") &&
	      sysfs("damaged") == 1 && !strcmp(slurp(SYSFS "state"), "degraded"),
	      "the pool is degraded");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check_errno(open_extent(fd, "start", PMPOOL_OPEN_READ, NULL), ENOENT, "the extent is not trusted");
	memcpy(fix.record, &rec, sizeof(rec));
	check_errno(ioctl(fd, PMPOOL_REPAIR, &fix), EBUSY, "and can not be brought back");
	memset(fix.record, 0, sizeof(fix.record));
	rec = (struct pmpool_format_record){ .magic = PMPOOL_FORMAT_RECORD_MAGIC };
	memcpy(fix.record, &rec, sizeof(rec));
	check_errno(ioctl(fd, PMPOOL_REPAIR, &fix), 0, "only given up");
	check(!strcmp(slurp(SYSFS "state"), "ok") && info(fd).held == 6 * BLOCK, "all is well then");
	close(fd);
	unload();

	map_raw();
	memset(raw + PMPOOL_HOLD_TABLE_OFFSET, 0, PMPOOL_HOLD_TABLE_SIZE);
	check_errno(load_region(region), 0, "with nothing held");
	check(sysfs("held") == 0 && sysfs("free") == size - BLOCK, "all is free");
}

int main(void)
{
	int fd;

	find_region();
	test_refusals();
	test_attach();
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(POOL);
	test_abi(fd);
	test_create_errors(fd);
	test_create(fd);
	test_mapping(fd);
	test_core_dump(fd);
	test_fork(fd);
	test_remove(fd);
	test_next(fd);
	test_many(fd);
	test_owners(fd);
	test_rename(fd);
	test_first_open(fd);
	test_resize(fd);
	test_set(fd);
	test_seal(fd);
	test_grants(fd);
	test_metadata(fd);
	test_limit(fd);
	test_unload(fd);
	test_limit_kept();
	test_formats();
	test_holds();
	return done();
}
