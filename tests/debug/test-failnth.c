// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from and to user space of every operation
 * fails once, the first, the second and so on, until the operation gets through
 * without a failure. Each time the caller gets a clear error and nothing has
 * changed, or the operation has worked all the same.
 *
 * Run as root, with the module not loaded and a kernel with FAULT_INJECTION. An
 * argument "lend" has only lending fail; without it that is left out.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/mount.h>

#include "debug.h"

#define FAULTS		"/sys/kernel/debug/"
#define MAX_NTH		20000
#define BIG		(3 * BLOCK)

static int pool_fd = -1;
static int nth_fd = -1;
static int own_nth_fd = -1;	/* of this thread */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void must(int ret, const char *what)
{
	if (ret)
		die(what);
}

static const char * const attrs[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

/*
 * Loading a module allocates more for the loader's own use than for the driver.
 * In this range there are modules, and ours is the only one.
 */
static void only_modules(bool only)
{
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		snprintf(path, sizeof(path), FAULTS "%s/require-start", attrs[i]);
		put(path, only ? "0xffffffffc0000000" : "0");
		snprintf(path, sizeof(path), FAULTS "%s/require-end", attrs[i]);
		put(path, only ? "0xffffffffff000000" : "0xffffffffffffffff");
	}
}

/* Where a function of the kernel starts and the next one does. */
static void find_function(const char *name, uint64_t *start, uint64_t *end)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];
	unsigned long long addr;
	unsigned int pass;

	if (!f)
		die("/proc/kallsyms");
	*start = 0;
	*end = ~0ULL;
	for (pass = 0; pass < 2; pass++) {
		rewind(f);
		while (fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%llx %*c %255s", &addr, symbol) != 2)
				continue;
			if (!pass && !strcmp(symbol, name))
				*start = addr;
			else if (pass && addr > *start && addr < *end)
				*end = addr;
		}
	}
	fclose(f);
	must(!*start, name);
}

/*
 * When an allocation fails in here, the kernel itself warns, or goes on with
 * NULL: nothing that a driver could do about.
 */
static void spare(const char *name)
{
	uint64_t start, end;
	char path[128], text[32];
	unsigned int i;

	find_function(name, &start, &end);
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		snprintf(path, sizeof(path), FAULTS "%s/reject-start", attrs[i]);
		snprintf(text, sizeof(text), "%#llx", (unsigned long long)start);
		put(path, text);
		snprintf(path, sizeof(path), FAULTS "%s/reject-end", attrs[i]);
		snprintf(text, sizeof(text), "%#llx", (unsigned long long)end);
		put(path, text);
	}
}

static void prepare_faults(void)
{
	char path[128];
	unsigned int i;

	if (mount("debugfs", FAULTS, "debugfs", 0, NULL) && errno != EBUSY)
		die("mounting debugfs");
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		/* A trace of each would look like a complaint of the kernel. */
		snprintf(path, sizeof(path), FAULTS "%s/verbose", attrs[i]);
		put(path, "0");
	}
	/* By default what may sleep never fails. */
	put(FAULTS "failslab/ignore-gfp-wait", "N");
	put(FAULTS "fail_page_alloc/ignore-gfp-wait", "N");
	put(FAULTS "fail_page_alloc/ignore-gfp-highmem", "N");
	put(FAULTS "fail_page_alloc/min-order", "0");
	spare("arch_add_memory");

	own_nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (own_nth_fd < 0)
		die("/proc/thread-self/fail-nth");
	nth_fd = own_nth_fd;
}

static void arm(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_fd, text, len, 0) != len)
		die("writing fail-nth");
}

/* Whether the failure has happened. The calls in here can be what it hits. */
static bool disarm(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	if (atoi(text) == 0)
		return true;
	/* If this is hit it has no effect, and none is needed any more. */
	if (pwrite(nth_fd, "0", 1, 0) < 0 && errno != EFAULT)
		die("writing fail-nth");
	return false;
}

/* An operation: what it needs, does, has done, and how that is undone. */
struct operation {
	const char *name;
	void (*before)(void);
	int (*run)(void);		/* 0, or -1 and errno */
	const char *(*verify)(void);	/* after success: what is wrong, or NULL */
	void (*after)(void);		/* after success */
	void (*cleanup)(void);		/* after success and failure, last */
	bool (*unchanged)(void);	/* after failure: what the list does not show */
	/*
	 * It has something to tell, and when only that fails it was done: @verify
	 * says so, and @after undoes it.
	 */
	bool tells;
	/* Nothing of the driver may be open; only what it does itself fails. */
	bool alone;
	bool in_thread;			/* what fails is in the thread that takes back */
	bool takes_back;		/* after failure too, for that came first */
	bool lends;			/* needs a pool with a whole memory block */
};

static int op_fd = -1;
static uint64_t first_offset;	/* of the only extent, in an empty pool */
static void *op_mem = MAP_FAILED;

static void have_one(void) { must(create(pool_fd, "one", BIG), "create"); }
static void no_one(void) { must(remove_extent(pool_fd, "one"), "remove"); }

static int run_info(void)
{
	struct pmpool_info arg = { .size = sizeof(arg) };

	return ioctl(pool_fd, PMPOOL_INFO, &arg);
}

static int run_next(void)
{
	struct pmpool_next arg = { .size = sizeof(arg) };

	return ioctl(pool_fd, PMPOOL_NEXT, &arg);
}

static int run_create(void) { return create(pool_fd, "new", BLOCK); }
static void undo_create(void) { must(remove_extent(pool_fd, "new"), "remove"); }

static const char *created(void)
{
	struct pmpool_extent_info ext;

	if (open_extent(pool_fd, "new", 0, &ext) || ext.length != BLOCK)
		return "the extent is not there";
	return has_node("new") ? NULL : "/dev/pmpool-extents/new is not there";
}

static int run_remove(void) { return remove_extent(pool_fd, "one"); }
static const char *removed(void) { return has_node("one") ? "its node is still there" : NULL; }

static void own_file(void)
{
	have_one();
	op_fd = open(POOL, O_RDWR | O_CLOEXEC);
	must(op_fd < 0, POOL);
}

static void close_file(void)
{
	close(op_fd);
	op_fd = -1;
}

static int run_open(void)
{
	return open_extent(op_fd, "one", PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, NULL);
}

static void close_and_remove(void)
{
	close_file();
	no_one();
}

static int run_rename(void) { return rename_extent(pool_fd, "one", "two"); }
static void undo_rename(void) { must(rename_extent(pool_fd, "two", "one"), "rename"); }

static const char *renamed(void)
{
	if (open_extent(pool_fd, "two", 0, NULL))
		return "the extent is not there";
	if (has_node("one"))
		return "the old node is still there";
	return has_node("two") ? NULL : "/dev/pmpool-extents/two is not there";
}

static const char *has_length(uint64_t length)
{
	struct pmpool_extent_info ext;

	return open_extent(pool_fd, "one", 0, &ext) || ext.length != length ?
	       "the extent is as long as before" : NULL;
}

static const char *grown(void) { return has_length(BIG + BLOCK); }
static const char *shrunk(void) { return has_length(BLOCK); }
static int run_grow(void) { return resize_extent(pool_fd, "one", BIG + BLOCK); }
static int run_shrink(void) { return resize_extent(pool_fd, "one", BLOCK); }

static int run_set(void)
{
	struct pmpool_set arg = {
		.size = sizeof(arg), .mode = 0640, .uid = 1000, .gid = 1001, .tag = "fail",
		.flags = PMPOOL_SET_MODE | PMPOOL_SET_UID | PMPOOL_SET_GID | PMPOOL_SET_TAG,
	};

	set_name(arg.name, "one");
	return ioctl(pool_fd, PMPOOL_SET, &arg);
}

static int run_limit(void)
{
	struct pmpool_limit arg = {
		.size = sizeof(arg), .flags = PMPOOL_LIMIT_SET, .uid = 12345,
		.max_bytes = 8 * BLOCK, .max_extents = 3,
	};

	return ioctl(pool_fd, PMPOOL_LIMIT, &arg);
}

static const char *limited(void)
{
	struct pmpool_limit arg = { .size = sizeof(arg), .uid = 12345 };

	must(ioctl(pool_fd, PMPOOL_LIMIT, &arg), "PMPOOL_LIMIT");
	return arg.max_bytes == 8 * BLOCK && arg.max_extents == 3 ? NULL : "the limit is another";
}

static bool not_limited(void)
{
	struct pmpool_limit arg = { .size = sizeof(arg), .uid = 12345 };

	must(ioctl(pool_fd, PMPOOL_LIMIT, &arg), "PMPOOL_LIMIT");
	return arg.max_bytes == PMPOOL_UNLIMITED && arg.max_extents == PMPOOL_UNLIMITED;
}

static void undo_limit(void)
{
	struct pmpool_limit arg = {
		.size = sizeof(arg), .flags = PMPOOL_LIMIT_SET, .uid = 12345,
		.max_bytes = PMPOOL_UNLIMITED, .max_extents = PMPOOL_UNLIMITED,
	};

	must(ioctl(pool_fd, PMPOOL_LIMIT, &arg), "PMPOOL_LIMIT");
}

static int run_limit_get(void)
{
	struct pmpool_limit arg = { .size = sizeof(arg), .uid = 12345 };

	return ioctl(pool_fd, PMPOOL_LIMIT, &arg);
}

static void own_mapping(void)
{
	own_file();
	must(run_open(), "PMPOOL_OPEN");
	op_mem = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, op_fd, first_offset);
	must(op_mem == MAP_FAILED, "mmap");
	memset(op_mem, 0x5a, BLOCK);
}

static void unmap(void)
{
	if (op_mem != MAP_FAILED)
		munmap(op_mem, BIG);
	op_mem = MAP_FAILED;
}

static void unmap_and_remove(void)
{
	unmap();
	close_and_remove();
}

static int run_seal(void)
{
	struct pmpool_seal arg = { .size = sizeof(arg) };

	set_name(arg.name, "one");
	return ioctl(op_fd, PMPOOL_SEAL, &arg);
}

static const char *sealed(void)
{
	struct pmpool_extent_info ext;

	if (open_extent(pool_fd, "one", 0, &ext) || !(ext.flags & PMPOOL_EXTENT_CLEAN))
		return "the extent is not clean";
	*(volatile char *)op_mem = 1;
	if (open_extent(pool_fd, "one", 0, &ext) || ext.flags & PMPOOL_EXTENT_CLEAN)
		return "the extent is clean after a write";
	return NULL;
}

static int run_open_pool(void)
{
	op_fd = open(POOL, O_RDWR | O_CLOEXEC);
	return op_fd < 0 ? -1 : 0;
}

static int run_open_node(void)
{
	op_fd = open(NODES "one", O_RDWR | O_CLOEXEC);
	return op_fd < 0 ? -1 : 0;
}

static void granted(void)
{
	own_file();
	must(run_open(), "PMPOOL_OPEN");
}

/* Map and touch: 4 KiB and, where the place allows, 2 MiB. */
static int run_mmap(void)
{
	op_mem = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, op_fd, first_offset);
	if (op_mem == MAP_FAILED)
		return -1;
	memset(op_mem, 0x77, BIG);
	return 0;
}

static const char *mapped(void)
{
	const char *at = op_mem;
	size_t i;

	for (i = 0; i < BIG; i++)
		if (at[i] != 0x77)
			return "what was written is not there";
	return NULL;
}

/* Splits the mapping in three, which opens it anew twice. */
static int run_split(void)
{
	return mprotect((char *)op_mem + 4096, 4096, PROT_READ);
}

static pid_t child;

/* The child has no failure of its own. */
static int run_fork(void)
{
	child = fork();
	if (!child)
		_exit(*(volatile char *)op_mem != 0x5a);
	return child < 0 ? -1 : 0;
}

static const char *forked(void)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	return status ? "the child does not see the extent" : NULL;
}

static int lend(uint64_t bytes)
{
	struct pmpool_lend arg = { .size = sizeof(arg), .flags = PMPOOL_LEND_SET, .lent = bytes };

	return ioctl(pool_fd, PMPOOL_LEND, &arg);
}

static struct pmpool_lend lending(void)
{
	struct pmpool_lend arg = { .size = sizeof(arg) };

	must(ioctl(pool_fd, PMPOOL_LEND, &arg), "PMPOOL_LEND");
	return arg;
}

/* In the resource tree there is nothing lent that the driver does not tell of. */
static bool lent_in_tree(void)
{
	return strstr(slurp("/proc/iomem"), "System RAM (pmpool)");
}

static uint64_t unit, pool_free;

static int run_lend(void) { return lend(unit); }
static void lend_nothing(void) { must(lend(0), "taking back what is lent"); }

static const char *has_lent(void)
{
	struct pmpool_lend arg = lending();

	return arg.lent != arg.unit ? "it is not lent" :
	       !lent_in_tree() ? "the resource tree does not show it" : NULL;
}

static bool has_not_lent(void) { return !lending().lent && !lent_in_tree(); }

static void lend_online(void)
{
	struct pmpool_lend arg;
	uint64_t at, base = info(pool_fd).base;
	char path[96];

	/* More than one unit, so that something may fail when some are back. */
	must(lend(3 * unit), "lending");
	arg = lending();
	must(arg.lent < 2 * unit, "a pool of some memory blocks");
	for (at = arg.offset; at < arg.offset + arg.lent; at += unit) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%llu/state",
			 (unsigned long long)((base + at) / unit));
		put(path, "online_movable");
	}
}

static int run_lend_nothing(void) { return lend(0); }

static const char *has_taken_back(void)
{
	return lending().lent ? "it is still lent" :
	       lent_in_tree() ? "the resource tree still shows it" : NULL;
}

static bool has_not_taken_back(void) { return lending().lent && lent_in_tree(); }

static int run_create_lent(void) { return create(pool_fd, "new", pool_free); }

static const char *created_lent(void)
{
	return !has_node("new") || info(pool_fd).free ? "not all that was free is the extent's" : NULL;
}

static void none_left(void)
{
	lend_nothing();
	if (has_node("new"))
		undo_create();
}

static int run_sysfs(void)
{
	char text[64];
	int fd = open(SYSFS "largest_free", O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? -1 : read(fd, text, sizeof(text)) > 0 ? 0 : -1;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return ret;
}

static int run_read(void)
{
	static char text[65536];

	return pread(pool_fd, text, sizeof(text), 0) == sizeof(text) ? 0 : -1;
}

static int module_fd = -1;
static const char *params;

static int run_load(void) { return syscall(SYS_finit_module, module_fd, params, 0); }
static int run_unload(void) { return unload(); }

static const char *all_nodes(void)
{
	return has_node("one") && has_node("two") ? NULL : "a node is missing";
}

static void load_again(void) { must(run_load(), "loading the module"); }
static void unload_again(void) { must(unload(), "unloading the module"); }

static unsigned int *opened;
static pid_t opener;

/* Somebody opens an extent as soon as it can be. */
static void start_opener(void)
{
	/* A node whose driver is not there has the kernel look for it, for long. */
	put("/proc/sys/kernel/modprobe", "\n");
	opened = mmap(NULL, sizeof(*opened), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	must(opened == MAP_FAILED, "memory");
	opener = fork();
	if (opener)
		return;
	for (;;) {
		int fd = open(NODES "one", O_RDWR | O_CLOEXEC);

		if (fd < 0)
			continue;
		++*opened;
		close(fd);
	}
}

static unsigned int stop_opener(void)
{
	unsigned int times;

	kill(opener, SIGKILL);
	waitpid(opener, NULL, 0);
	times = *opened;
	munmap(opened, sizeof(*opened));
	return times;
}

/* What could be opened and then was no more would be in the module that is gone. */
static bool not_opened(void) { return !stop_opener(); }

static void stop_and_unload(void)
{
	stop_opener();
	unload_again();
}

static const struct operation operations[] = {
	{ .name = "INFO", .run = run_info },
	{ .name = "CREATE", .run = run_create, .verify = created, .after = undo_create,
	  .tells = true },
	{ .name = "NEXT", .before = have_one, .run = run_next, .cleanup = no_one },
	{ .name = "OPEN", .before = own_file, .run = run_open, .cleanup = close_and_remove },
	{ .name = "REMOVE", .before = have_one, .run = run_remove, .verify = removed,
	  .after = have_one, .cleanup = no_one },
	{ .name = "RENAME", .before = have_one, .run = run_rename, .verify = renamed,
	  .after = undo_rename, .cleanup = no_one },
	{ .name = "RESIZE to more", .before = have_one, .run = run_grow, .verify = grown,
	  .cleanup = no_one, .tells = true },
	{ .name = "RESIZE to less", .before = have_one, .run = run_shrink, .verify = shrunk,
	  .cleanup = no_one, .tells = true },
	{ .name = "SET", .before = have_one, .run = run_set, .cleanup = no_one },
	{ .name = "SEAL", .before = own_mapping, .run = run_seal, .verify = sealed,
	  .cleanup = unmap_and_remove },
	{ .name = "LIMIT to set", .run = run_limit, .verify = limited, .after = undo_limit,
	  .unchanged = not_limited, .tells = true },
	{ .name = "LIMIT to tell", .run = run_limit_get },
	{ .name = "open of the pool", .run = run_open_pool, .after = close_file },
	{ .name = "open of an extent", .before = have_one, .run = run_open_node,
	  .after = close_file, .cleanup = no_one },
	{ .name = "mmap and touch", .before = granted, .run = run_mmap, .verify = mapped,
	  .cleanup = unmap_and_remove },
	{ .name = "mprotect of a part", .before = own_mapping, .run = run_split,
	  .cleanup = unmap_and_remove },
	{ .name = "fork", .before = own_mapping, .run = run_fork, .verify = forked,
	  .cleanup = unmap_and_remove },
	{ .name = "LEND to lend", .run = run_lend, .verify = has_lent, .after = lend_nothing,
	  .unchanged = has_not_lent, .lends = true, .tells = true },
	{ .name = "LEND to take back", .before = lend_online, .run = run_lend_nothing,
	  .verify = has_taken_back, .cleanup = lend_nothing, .unchanged = has_not_taken_back,
	  .lends = true, .tells = true },
	{ .name = "taking back", .before = lend_online, .run = run_lend_nothing,
	  .verify = has_taken_back, .cleanup = lend_nothing, .unchanged = has_not_taken_back,
	  .lends = true, .in_thread = true },
	{ .name = "CREATE where memory is lent", .before = lend_online, .run = run_create_lent,
	  .verify = created_lent, .cleanup = none_left, .lends = true, .takes_back = true,
	  .tells = true },
	{ .name = "read of sysfs", .run = run_sysfs },
	{ .name = "read of the metadata", .run = run_read },
	{ .name = "unload", .run = run_unload, .after = load_again, .alone = true },
	{ .name = "load", .before = start_opener, .run = run_load, .verify = all_nodes,
	  .after = stop_and_unload, .unchanged = not_opened, .alone = true },
};

static bool clear_error(const struct operation *op, int err)
{
	if (err == ENOMEM || err == EFAULT)
		return true;
	/* Whatever the thread fails for, the memory could not be emptied. */
	if (op->in_thread)
		return err == EBUSY;
	/* The driver core's words: whatever a probe fails for; a directory it can not make. */
	return op->run == run_load && (err == ENODEV || err == EINVAL);
}

/* Where the driver core makes a node when it can not ask for the path. */
static bool strays(void)
{
	return !access("/dev/one", F_OK) || !access("/dev/two", F_OK) || !access("/dev/new", F_OK);
}

static struct snapshot before_it, after_it;

static void open_pool(void)
{
	pool_fd = open(POOL, O_RDWR | O_CLOEXEC);
	must(pool_fd < 0, POOL);
}

/* Whatever an operation has left behind: the next one finds an empty pool. */
static void start_over(void)
{
	unsigned int i;

	unmap();
	if (op_fd >= 0)
		close_file();
	unlink("/dev/one");
	unlink("/dev/two");
	unlink("/dev/new");
	if (access(POOL, F_OK))
		load_again();
	if (pool_fd < 0)
		open_pool();
	undo_limit();
	take_snapshot(pool_fd, &after_it);
	for (i = 0; i < after_it.count; i++)
		must(remove_extent(pool_fd, after_it.ext[i].name), "remove");
}

/* The file by which the thread that takes back what is lent fails. */
static int thread_nth(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char path[300];
	int fd = -1;

	/* It is there once something was lent. */
	lend_online();
	lend_nothing();
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (strcmp(slurp(path), "pmpool-lend"))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fail-nth", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	must(fd < 0, "the thread pmpool-lend");
	return fd;
}

static void sweep(const struct operation *op)
{
	unsigned int nth, failed = 0, survived = 0, late = 0;
	bool was_loaded = op->run != run_load;
	bool good = true, hit, same, told;
	const char *why;
	int ret, err;

	only_modules(op->alone);
	nth_fd = op->in_thread ? thread_nth() : own_nth_fd;
	if (op->alone) {
		/* Two extents for the driver to find. */
		must(create(pool_fd, "one", BLOCK), "create");
		must(create(pool_fd, "two", BLOCK), "create");
		close(pool_fd);
		pool_fd = -1;
		if (!was_loaded)
			unload_again();
	}

	for (nth = 1; nth < MAX_NTH && good; nth++) {
		if (op->before)
			op->before();
		if (pool_fd >= 0)
			take_snapshot(pool_fd, &before_it);

		arm(nth);
		ret = op->run();
		err = errno;
		hit = disarm();

		if (ret && (!hit || !clear_error(op, err))) {
			check(false, "%s, failure %u: %s%s", op->name, nth,
			      strerrorname_np(err), hit ? "" : ", and nothing failed");
			good = false;
		}
		told = !ret;
		if (ret) {
			same = true;
			if (pool_fd >= 0) {
				take_snapshot(pool_fd, &after_it);
				if (op->takes_back)
					before_it.info.lent = after_it.info.lent;
				same = same_snapshot(&before_it, &after_it);
			}
			if (op->unchanged)
				same &= op->unchanged();
			if (!same && op->tells && err == EFAULT && !op->verify()) {
				ret = 0;
				late++;
			} else if (!same) {
				check(false, "%s, failure %u: %s, and yet it was done", op->name,
				      nth, strerrorname_np(err));
				good = false;
			}
		}
		if (strays()) {
			check(false, "%s, failure %u: there is a node outside " NODES, op->name,
			      nth);
			good = false;
		}
		if (!ret && op->verify) {
			why = op->verify();
			if (why) {
				check(false, "%s, failure %u: it says it worked, but %s",
				      op->name, nth, why);
				good = false;
			}
		}
		if (!good)
			break;	/* what is there now is not what the rest expects */
		if (!ret && op->after)
			op->after();
		if (op->cleanup)
			op->cleanup();
		failed += ret != 0;
		survived += told && hit;
		if (!hit)
			break;
	}

	if (op->in_thread)
		close(nth_fd);
	if (op->alone && good) {
		if (!was_loaded)
			load_again();
		open_pool();
		must(remove_extent(pool_fd, "one"), "remove");
		must(remove_extent(pool_fd, "two"), "remove");
	}
	if (!good)
		start_over();
	else
		check(nth < MAX_NTH, "%s: %u failures, one at a time: %u errors, %u without effect, %u when it was done",
		      op->name, failed + survived, failed, survived, late);
}

int main(int argc, char **argv)
{
	unsigned int i;

	begin("failnth");
	prepare_faults();
	params = region_params();
	module_fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	must(module_fd < 0, MODULE);
	load_again();
	open_pool();
	take_snapshot(pool_fd, &before_it);
	check(!before_it.count && !inconsistent(&before_it), "the pool is empty");
	first_offset = before_it.info.metadata_size;
	pool_free = before_it.info.free;
	unit = lending().unit;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (operations[i].lends == (argc > 1 && !strcmp(argv[1], "lend")))
			sweep(&operations[i]);

	take_snapshot(pool_fd, &after_it);
	check(!after_it.count && !inconsistent(&after_it) &&
	      before_it.info.pool_size == after_it.info.pool_size, "the pool is empty again");
	close(pool_fd);
	check_errno(unload(), 0, "nothing is left open");
	return done();
}
