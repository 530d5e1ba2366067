// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers whose memory takes as long as they like: the struct of an ioctl is on a
 * page that userfaultfd(2) keeps from being written. Meanwhile others create, map
 * and remove extents, lend memory, and start the next kernel.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with the
 * module not loaded and a pool of some memory blocks.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "lend.h"
#include "next.h"

#define PAGE	4096
/* Who does not get on within that time does not at all. */
#define NEVER	60000

/* A page, and the file that tells who waits to touch it. */
struct slow {
	int uffd;
	char *page;
};

/* What a thread does, and what came of it. */
struct work {
	pthread_t thread;
	int tid;
	int fd;
	unsigned int cmd;
	void *arg;
	int error;
};

static struct slow slow_page(uint64_t mode)
{
	struct uffdio_register area = { .mode = mode };
	struct uffdio_api api = { .api = UFFD_API };
	struct slow slow;

	if (mode == UFFDIO_REGISTER_MODE_WP)
		api.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
	slow.uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (slow.uffd < 0 || ioctl(slow.uffd, UFFDIO_API, &api))
		die("userfaultfd");
	slow.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slow.page == MAP_FAILED)
		die("a page");
	if (mode == UFFDIO_REGISTER_MODE_WP)
		memset(slow.page, 0, PAGE);
	area.range.start = (uintptr_t)slow.page;
	area.range.len = PAGE;
	if (ioctl(slow.uffd, UFFDIO_REGISTER, &area))
		die("UFFDIO_REGISTER");
	return slow;
}

static void protect(struct slow slow, bool on)
{
	struct uffdio_writeprotect arg = {
		.range = { (uintptr_t)slow.page, PAGE },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (ioctl(slow.uffd, UFFDIO_WRITEPROTECT, &arg))
		die("UFFDIO_WRITEPROTECT");
}

/* Wait until somebody waits for the page. */
static bool hit(struct slow slow)
{
	struct pollfd poll_fd = { .fd = slow.uffd, .events = POLLIN };
	struct uffd_msg msg;

	return poll(&poll_fd, 1, NEVER) == 1 && read(slow.uffd, &msg, sizeof(msg)) == sizeof(msg);
}

static void *work_run(void *data)
{
	struct work *work = data;

	__atomic_store_n(&work->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (work->cmd)
		work->error = ioctl(work->fd, work->cmd, work->arg) ? errno : 0;
	else
		work->error = syscall(SYS_getdents64, work->fd, work->arg, PAGE) < 0 ? errno : 0;
	return NULL;
}

static void start(struct work *work)
{
	work->tid = 0;
	if (pthread_create(&work->thread, NULL, work_run, work))
		die("a thread");
	while (!__atomic_load_n(&work->tid, __ATOMIC_ACQUIRE))
		sched_yield();
}

static int finish(struct work *work)
{
	pthread_join(work->thread, NULL);
	return work->error;
}

/* Whether a thread sleeps in the kernel, where only a fatal signal reaches it, if any. */
static bool asleep(const struct work *work)
{
	const char *state;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", work->tid);
	state = strrchr(slurp(path), ')');
	return state && state[1] == ' ' && state[2] == 'D';
}

/* Another process does everything to an extent. Returns 0, or the number of what failed. */
static int others(void)
{
	int fd = open(POOL, O_RDWR | O_CLOEXEC);
	void *mem;

	if (fd < 0)
		return 1;
	if (create(fd, "other", BLOCK))
		return 2;
	mem = map_node("other", BLOCK, PROT_READ | PROT_WRITE);
	if (mem == MAP_FAILED)
		return 3;
	memset(mem, 1, PAGE);
	munmap(mem, BLOCK);
	if (rename_extent(fd, "other", "another"))
		return 4;
	return remove_extent(fd, "another") ? 5 : 0;
}

/* Whether others get on while a call is as it is. */
static void others_get_on(const char *what)
{
	int pipes[2], status = -1;
	struct pollfd poll_fd;
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	child = fork();
	if (!child)
		_exit(others());
	close(pipes[1]);
	/* The child's end is closed when it ends. */
	poll_fd = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	if (poll(&poll_fd, 1, NEVER) == 1)
		waitpid(child, &status, 0);
	else
		kill(child, SIGKILL);
	close(pipes[0]);
	check(status == 0, "others get on while %s", what);
}

static struct slow arg;		/* where the struct of a call is */

static void slow_call(int fd, const char *name, unsigned int cmd, const void *in, size_t size)
{
	struct work work = { .fd = fd, .cmd = cmd, .arg = arg.page };
	char what[64];

	memcpy(arg.page, in, size);
	protect(arg, true);
	start(&work);
	snprintf(what, sizeof(what), "%s can not be told", name);
	check(hit(arg), "%s waits to tell", name);
	others_get_on(what);
	protect(arg, false);
	check(finish(&work) == 0, "%s succeeds in the end", name);
}

static void test_calls(int fd)
{
	struct pmpool_create new = { .size = sizeof(new), .name = "slow", .length = BLOCK, .mode = 0600 };
	struct pmpool_resize longer = { .size = sizeof(longer), .name = "slow", .length = 2 * BLOCK };
	struct pmpool_limit limit = { .size = sizeof(limit), .flags = PMPOOL_LIMIT_SET, .uid = 1000,
				      .max_bytes = 8 * BLOCK, .max_extents = 8 };
	struct pmpool_open look = { .size = sizeof(look), .name = "slow" };
	struct pmpool_lend lent = { .size = sizeof(lent) };
	struct pmpool_next next = { .size = sizeof(next) };
	struct pmpool_info pool = { .size = sizeof(pool) };

	begin("slow");
	slow_call(fd, "CREATE", PMPOOL_CREATE, &new, sizeof(new));
	slow_call(fd, "RESIZE", PMPOOL_RESIZE, &longer, sizeof(longer));
	slow_call(fd, "LIMIT", PMPOOL_LIMIT, &limit, sizeof(limit));
	slow_call(fd, "OPEN", PMPOOL_OPEN, &look, sizeof(look));
	slow_call(fd, "NEXT", PMPOOL_NEXT, &next, sizeof(next));
	slow_call(fd, "INFO", PMPOOL_INFO, &pool, sizeof(pool));
	slow_call(fd, "LEND", PMPOOL_LEND, &lent, sizeof(lent));
	check(!open_extent(fd, "slow", 0, NULL) && sysfs("extents") == 1, "and has done what it says");
}

/*
 * Have a CREATE wait in the middle, after it has found that its memory can be written:
 * a node is made in a directory that somebody is reading. Then it can not be any more.
 */
static void start_late(struct work *work)
{
	struct slow names = slow_page(UFFDIO_REGISTER_MODE_MISSING);
	struct uffdio_zeropage zero = { .range = { (uintptr_t)names.page, PAGE } };
	struct work reader = { .fd = open(NODES, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			       .arg = names.page };

	if (reader.fd < 0)
		die(NODES);
	start(&reader);
	check(hit(names), "a directory is read slowly");
	start(work);
	/* It has a directory in sysfs before it has a node. */
	while (access("/sys/class/pmpool/late", F_OK))
		sched_yield();
	protect(arg, true);
	if (ioctl(names.uffd, UFFDIO_ZEROPAGE, &zero))
		die("UFFDIO_ZEROPAGE");
	check(finish(&reader) == 0, "and read");
	check(hit(arg), "CREATE waits to tell what it has done");
	close(reader.fd);
	close(names.uffd);
}

static void test_late(int fd)
{
	struct pmpool_create *new = (void *)arg.page;
	struct work work = { .fd = fd, .cmd = PMPOOL_CREATE, .arg = new };
	struct pmpool_extent_info ext = { };

	begin("slow-late");
	*new = (struct pmpool_create){ .size = sizeof(*new), .name = "late", .length = BLOCK,
				       .mode = 0600 };
	start_late(&work);
	others_get_on("CREATE can not be told that it is done");
	check(!open_extent(fd, "late", 0, &ext), "the extent exists");
	protect(arg, false);
	check(finish(&work) == 0 && ext.id && new->id == ext.id && new->offset == ext.offset,
	      "CREATE tells what it has made");
	check_errno(remove_extent(fd, "late"), 0, "removed");

	/* Whose memory goes away meanwhile is not told. It is done all the same. */
	*new = (struct pmpool_create){ .size = sizeof(*new), .name = "late", .length = BLOCK,
				       .mode = 0600 };
	start_late(&work);
	mprotect(arg.page, PAGE, PROT_READ);
	protect(arg, false);
	check(finish(&work) == EFAULT, "memory that went away meanwhile: EFAULT");
	mprotect(arg.page, PAGE, PROT_READ | PROT_WRITE);
	check_errno(remove_extent(fd, "late"), 0, "and yet it was made");
}

/* With a call and what waits for it under way, the next kernel starts. */
static void test_next_kernel(int fd)
{
	struct pmpool_lend more = { .size = sizeof(more), .flags = PMPOOL_LEND_SET };
	struct work lender = { .fd = fd, .cmd = PMPOOL_LEND, .arg = &more };
	struct pmpool_create *new = (void *)arg.page;
	struct work work = { .fd = fd, .cmd = PMPOOL_CREATE, .arg = new };
	struct pmpool_lend lent = lending(fd);

	begin("slow-kexec");
	check_errno(lend(fd, lent.unit, 0), 0, "some memory is lent");
	check_errno(stage(next_cmdline(1, NULL), 0), 0, "the next kernel is staged");
	*new = (struct pmpool_create){ .size = sizeof(*new), .name = "never", .length = BLOCK,
				       .mode = 0600 };
	protect(arg, true);
	start(&work);
	check(hit(arg), "CREATE can not be told");
	more.lent = 2 * lent.unit;
	start(&lender);
	/* With the pool's lending in its hands, one way or the other. */
	while (lending(fd).lent < more.lent && !asleep(&lender))
		sched_yield();
	start_next();
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("slow");
	check_errno(load(region_param()), 0, "boot %u: the pool attaches", boot);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(POOL);
	base = info(fd).base;
	if (boot > 1) {
		begin("slow-kexec");
		check(info(fd).was_clean && info(fd).generation == 2 && info(fd).extents == 1,
		      "the next kernel has started, and the last one has left the pool in order");
		return done();
	}
	arg = slow_page(UFFDIO_REGISTER_MODE_WP);
	test_calls(fd);
	test_late(fd);
	test_next_kernel(fd);
}
