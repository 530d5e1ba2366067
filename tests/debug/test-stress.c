// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eight workers, two processes of four threads, do everything to everything:
 * to extents that all of them know, where any documented error may be the
 * answer, and to extents of their own, where none may. Whoever maps an extent
 * finds zeroes or what was written to that very extent.
 *
 * usage: test-stress [STEPS [SEED]], so many of each worker
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "debug.h"

#define PROCESSES	2
#define THREADS		4
#define SHARED		6	/* names that everybody uses */
#define OWN		2	/* extents of each worker's own */
#define MAX_BLOCKS	3
#define STEP		(64 * 1024)	/* one word in so many bytes is written */

enum op {
	CREATE, REMOVE, RENAME, RESIZE, SET, SEAL, OPEN, MAP, NODE, NEXT, INFO, ATTRIBUTE, METADATA,
	UNLOAD, LEND, FORK, REOPEN, OWNED, OPS
};

static const char * const op_names[OPS] = {
	"create", "remove", "rename", "resize", "set", "seal", "open", "map", "node", "next",
	"info", "attribute", "metadata", "unload", "lend", "fork", "reopen", "own",
};

/* Shared by the processes. */
static struct result {
	unsigned long tried[OPS], worked[OPS];
	unsigned long words;		/* verified */
	char why[256];			/* the first thing that was wrong */
	int wrong;
} *result;

struct owned {
	char name[PMPOOL_NAME_SIZE];
	uint64_t id;			/* 0: it does not exist */
	uint64_t blocks;
	uint64_t seal;			/* changes with each rewrite */
	bool written[MAX_BLOCKS];
};

struct worker {
	unsigned int number;
	uint64_t rng;
	int fd;
	unsigned int serial;		/* of the names of its own */
	struct owned own[OWN];
};

static unsigned long steps = 1000;

/*
 * Read-locked while an extent of one's own is mapped: a child would have it
 * mapped for a moment longer.
 */
static pthread_rwlock_t no_fork = PTHREAD_RWLOCK_INITIALIZER;

static uint32_t rnd(struct worker *w, uint32_t below)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (w->rng >> 20) % below;
}

__attribute__((format(printf, 1, 2)))
static void wrong(const char *fmt, ...)
{
	va_list args;

	if (__atomic_exchange_n(&result->wrong, 1, __ATOMIC_SEQ_CST))
		return;
	va_start(args, fmt);
	vsnprintf(result->why, sizeof(result->why), fmt, args);
	va_end(args);
}

/* The call worked, or failed as it may when others are at work. */
static bool expect(enum op op, int ret, const int *allowed)
{
	int err = errno;

	__atomic_add_fetch(&result->tried[op], 1, __ATOMIC_RELAXED);
	if (!ret) {
		__atomic_add_fetch(&result->worked[op], 1, __ATOMIC_RELAXED);
		return true;
	}
	for (; *allowed; allowed++)
		if (err == *allowed)
			return false;
	wrong("%s: %s", op_names[op], strerrorname_np(err));
	return false;
}

#define ERRORS(...)	((const int []){ __VA_ARGS__, 0 })

/* What may stand in an extent at an offset: nothing, or this. */
static uint64_t stamp(uint64_t id, uint64_t offset)
{
	return pattern(id, offset) | 1;
}

/* Look at what is mapped of a shared extent, and write to it. */
static void visit(struct worker *w, volatile uint64_t *mem, uint64_t id, uint64_t offset,
		  uint64_t length, bool write)
{
	uint64_t at;

	for (at = 0; at < length; at += STEP) {
		uint64_t got = mem[at / 8];

		if (got && got != stamp(id, offset + at)) {
			wrong("extent %llu holds %#llx at %#llx, which is not its own",
			      (unsigned long long)id, (unsigned long long)got,
			      (unsigned long long)(offset + at));
			return;
		}
		if (write && !rnd(w, 3))
			mem[at / 8] = stamp(id, offset + at);
	}
	__atomic_add_fetch(&result->words, length / STEP, __ATOMIC_RELAXED);
}

static void shared_name(struct worker *w, char *name)
{
	snprintf(name, PMPOOL_NAME_SIZE, "shared-%u", rnd(w, SHARED));
}

static void map_shared(struct worker *w, const char *name)
{
	bool write = rnd(w, 3);
	struct pmpool_next next = { .size = sizeof(next) };
	struct pmpool_extent_info ext;
	uint64_t blocks, length;
	void *mem;

	if (!expect(OPEN, open_extent(w->fd, name, PMPOOL_OPEN_READ |
				      (write ? PMPOOL_OPEN_WRITE : 0), &ext), ERRORS(ENOENT)))
		return;

	blocks = (ext.length + BLOCK - 1) / BLOCK;
	length = (ext.length + 4095) & ~4095ULL;
	if (blocks > 1 && !rnd(w, 4))
		length = BLOCK;
	mem = mmap(NULL, length, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, w->fd,
		   ext.offset);
	/* By now it can be gone, shorter, or another extent that was not granted. */
	if (!expect(MAP, mem == MAP_FAILED ? -1 : 0, ERRORS(ENXIO, EACCES)))
		return;
	/* What is mapped stays where it is: this is the extent that the mapping is of. */
	while (!ioctl(w->fd, PMPOOL_NEXT, &next)) {
		if (next.info.offset <= ext.offset &&
		    ext.offset < next.info.offset + next.info.length) {
			visit(w, mem, next.info.id, ext.offset - next.info.offset, length, write);
			munmap(mem, length);
			return;
		}
	}
	wrong("nothing is at %#llx, and it can be mapped", (unsigned long long)ext.offset);
}

/* By its device: what is mapped is what was opened, since it can not change hands. */
static void map_node_of(struct worker *w, const char *name)
{
	struct pmpool_open arg = { .size = sizeof(arg) };
	bool write = rnd(w, 3);
	char path[128];
	uint64_t length;
	void *mem;
	int fd;

	snprintf(path, sizeof(path), NODES "%s", name);
	fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	/* ENXIO: the node of an extent that goes away. */
	if (!expect(NODE, fd < 0 ? -1 : 0, ERRORS(ENOENT, ENODEV, ENXIO)))
		return;
	if (ioctl(fd, PMPOOL_OPEN, &arg)) {
		if (errno != ENODEV)
			wrong("OPEN on a device: %s", strerrorname_np(errno));
		goto out;
	}
	length = (arg.info.length + 4095) & ~4095ULL;
	mem = mmap(NULL, length, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (!expect(MAP, mem == MAP_FAILED ? -1 : 0, ERRORS(ENXIO, ENODEV)))
		goto out;
	visit(w, mem, arg.info.id, 0, length, write);
	if (write && !rnd(w, 4)) {
		struct pmpool_seal seal = { .size = sizeof(seal) };

		expect(SEAL, ioctl(fd, PMPOOL_SEAL, &seal), ERRORS(EBUSY));
		visit(w, mem, arg.info.id, 0, length, write);
	}
	munmap(mem, length);
out:
	close(fd);
}

static void verify_owned(struct worker *w, struct owned *own, uint64_t *mem)
{
	uint64_t b, at;

	for (b = 0; b < own->blocks; b++) {
		for (at = b * BLOCK; at < (b + 1) * BLOCK; at += STEP) {
			uint64_t want = own->written[b] ? pattern(own->seal, at) : 0;

			if (mem[at / 8] != want) {
				wrong("'%s' of worker %u holds %#llx at %#llx, not %#llx",
				      own->name, w->number, (unsigned long long)mem[at / 8],
				      (unsigned long long)at, (unsigned long long)want);
				return;
			}
		}
		__atomic_add_fetch(&result->words, BLOCK / STEP, __ATOMIC_RELAXED);
	}
}

static void must_work(struct worker *w, struct owned *own, const char *what, int ret)
{
	int err = errno;

	__atomic_add_fetch(&result->tried[OWNED], 1, __ATOMIC_RELAXED);
	if (ret)
		wrong("%s '%s' of worker %u: %s", what, own->name, w->number,
		      strerrorname_np(err));
	else
		__atomic_add_fetch(&result->worked[OWNED], 1, __ATOMIC_RELAXED);
}

static void rewrite_owned(struct worker *w, struct owned *own)
{
	struct pmpool_extent_info ext;
	uint64_t b, at, *mem;

	if (open_extent(w->fd, own->name, PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, &ext)) {
		must_work(w, own, "opening", -1);
		return;
	}
	if (ext.id != own->id || ext.length != own->blocks * BLOCK)
		wrong("'%s' has id %llu, %llu bytes, and should have %llu, %llu", own->name,
		      (unsigned long long)ext.id, (unsigned long long)ext.length,
		      (unsigned long long)own->id, (unsigned long long)own->blocks * BLOCK);
	mem = mmap(NULL, own->blocks * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd,
		   ext.offset);
	must_work(w, own, "mapping", mem == MAP_FAILED ? -1 : 0);
	if (mem == MAP_FAILED)
		return;
	verify_owned(w, own, mem);
	own->seal = w->rng;
	for (b = 0; b < own->blocks; b++) {
		own->written[b] |= rnd(w, 2);
		for (at = b * BLOCK; own->written[b] && at < (b + 1) * BLOCK; at += STEP)
			mem[at / 8] = pattern(own->seal, at);
	}
	must_work(w, own, "sealing", seal_extent(w->fd, own->name));
	verify_owned(w, own, mem);
	munmap(mem, own->blocks * BLOCK);
}

/* What nobody else touches behaves as if there were nobody else. */
static void own_work(struct worker *w, struct owned *own)
{
	struct pmpool_resize resize = { .size = sizeof(resize) };
	struct pmpool_extent_info ext;
	uint64_t b, at;
	char name[PMPOOL_NAME_SIZE];

	if (!own->id) {
		snprintf(own->name, sizeof(own->name), "own-%u-%u", w->number, w->serial++);
		own->blocks = 1 + rnd(w, MAX_BLOCKS);
		if (create(w->fd, own->name, own->blocks * BLOCK)) {
			if (errno != ENOSPC && errno != EAGAIN)
				must_work(w, own, "creating", -1);
			return;
		}
		memset(own->written, 0, sizeof(own->written));
		must_work(w, own, "looking up", open_extent(w->fd, own->name, 0, &ext));
		own->id = ext.id;
		return;
	}

	switch (rnd(w, 6)) {
	case 0:
		must_work(w, own, "removing", remove_extent(w->fd, own->name));
		own->id = 0;
		return;
	case 1:
		snprintf(name, sizeof(name), "own-%u-%u", w->number, w->serial++);
		must_work(w, own, "renaming", rename_extent(w->fd, own->name, name));
		memcpy(own->name, name, sizeof(name));
		return;
	case 2:
		b = 1 + rnd(w, MAX_BLOCKS);
		resize.length = b * BLOCK;
		set_name(resize.name, own->name);
		if (ioctl(w->fd, PMPOOL_RESIZE, &resize)) {
			if ((errno != ENOSPC && errno != EAGAIN) || resize.largest < own->blocks * BLOCK)
				must_work(w, own, "resizing", -1);
			return;
		}
		for (at = own->blocks; at < b; at++)
			own->written[at] = false;
		own->blocks = b;
		return;
	}

	pthread_rwlock_rdlock(&no_fork);
	rewrite_owned(w, own);
	pthread_rwlock_unlock(&no_fork);
}

static void read_sysfs(struct worker *w, const char *name)
{
	static const char * const pool_files[] = { "free", "largest_free", "extents", "state" };
	static const char * const files[] = { "size", "mappings", "clean", "mode", "uevent" };
	char path[160], text[4096];
	int fd;

	if (rnd(w, 2))
		snprintf(path, sizeof(path), SYSFS "%s", pool_files[rnd(w, ARRAY_SIZE(pool_files))]);
	else
		snprintf(path, sizeof(path), "/sys/class/pmpool/%s/%s", name,
			 files[rnd(w, ARRAY_SIZE(files))]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* ENODEV: removed between open() and read(). */
	if (fd < 0)
		expect(ATTRIBUTE, -1, ERRORS(ENOENT, ENODEV));
	else
		expect(ATTRIBUTE, read(fd, text, sizeof(text)) < 0 ? -1 : 0, ERRORS(ENODEV));
	if (fd >= 0)
		close(fd);
}

/* A list that is made while the pool changes: no two extents in the same place. */
static void walk(struct worker *w)
{
	struct pmpool_next next = { .size = sizeof(next) };
	uint64_t last = 0;

	while (!ioctl(w->fd, PMPOOL_NEXT, &next)) {
		if (next.info.offset <= last && last)
			wrong("NEXT goes back from %#llx to %#llx", (unsigned long long)last,
			      (unsigned long long)next.info.offset);
		last = next.info.offset;
	}
	expect(NEXT, errno == ENOENT ? 0 : -1, ERRORS(0));
}

/* A child inherits what the other threads have mapped just now, and gives it up. */
static void spawn(void)
{
	pid_t pid;

	pthread_rwlock_wrlock(&no_fork);
	pid = fork();
	if (!pid)
		_exit(0);
	expect(FORK, pid < 0 ? -1 : 0, ERRORS(0));
	if (pid > 0)
		waitpid(pid, NULL, 0);
	pthread_rwlock_unlock(&no_fork);
}

/*
 * What is lent comes online by itself. Written to the memory block's state while
 * another thread takes it back, lockdep reports the kernel's own order of locks.
 */
static void lend_online(void)
{
	static const char path[] = "/sys/devices/system/memory/auto_online_blocks";
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "online_movable", 14) != 14)
		die(path);
	close(fd);
}

/* A memory block is lent and used, or taken back, as far as others leave it free. */
static void lend(struct worker *w)
{
	struct pmpool_lend arg = { .size = sizeof(arg), .flags = PMPOOL_LEND_SET, .timeout = 500,
				   .lent = rnd(w, 2) ? ~0ULL : 0 };

	if (!expect(LEND, ioctl(w->fd, PMPOOL_LEND, &arg), ERRORS(EAGAIN, EBUSY, ENOSPC)))
		return;
	arg.flags = 0;
	if (ioctl(w->fd, PMPOOL_LEND, &arg) || arg.lent > arg.lendable)
		wrong("LEND: %llu of %llu bytes are lent", (unsigned long long)arg.lent,
		      (unsigned long long)arg.lendable);
}

static void one_step(struct worker *w)
{
	char name[PMPOOL_NAME_SIZE], other[PMPOOL_NAME_SIZE];
	static char buffer[PROCESSES * THREADS][4096];
	struct pmpool_info now_info = { .size = sizeof(now_info) };
	/* The last, and what is behind it, is most of the work that verifies. */
	enum op op = rnd(w, OPS + 3);
	int fd;

	shared_name(w, name);
	shared_name(w, other);
	switch (op) {
	case CREATE:
		expect(op, create(w->fd, name, 1 + rnd(w, MAX_BLOCKS * BLOCK)),
		       ERRORS(EEXIST, ENOSPC, EAGAIN));
		break;
	case REMOVE:
		expect(op, remove_extent(w->fd, name), ERRORS(ENOENT, EBUSY));
		break;
	case RENAME:
		expect(op, rename_extent(w->fd, name, other), ERRORS(ENOENT, EBUSY, EEXIST));
		break;
	case RESIZE:
		/* Blocks only: a shorter end would have to be told to who writes there. */
		expect(op, resize_extent(w->fd, name, (1 + rnd(w, MAX_BLOCKS)) * BLOCK),
		       ERRORS(ENOENT, EBUSY, ENOSPC, EAGAIN));
		break;
	case SET:
		expect(op, set_mode(w->fd, name, rnd(w, 01000)), ERRORS(ENOENT));
		break;
	case SEAL:
		expect(op, seal_extent(w->fd, name), ERRORS(ENOENT, EACCES, EBUSY));
		break;
	case OPEN:
	case MAP:
		map_shared(w, name);
		break;
	case NODE:
		map_node_of(w, name);
		break;
	case NEXT:
		walk(w);
		break;
	case INFO:
		if (expect(op, ioctl(w->fd, PMPOOL_INFO, &now_info), ERRORS(0)) &&
		    (now_info.largest_free > now_info.free || now_info.free % BLOCK ||
		     now_info.state != PMPOOL_STATE_OK))
			wrong("INFO: state %u, %llu free, %llu at most", now_info.state,
			      (unsigned long long)now_info.free,
			      (unsigned long long)now_info.largest_free);
		break;
	case ATTRIBUTE:
		read_sysfs(w, name);
		break;
	case METADATA:
		expect(op, pread(w->fd, buffer[w->number], 4096, rnd(w, 256) * 4096) == 4096 ?
		       0 : -1, ERRORS(0));
		break;
	case UNLOAD:
		/* It is in use, always. */
		if (!unload())
			wrong("the module was unloaded while it was in use");
		else
			expect(op, errno == EWOULDBLOCK || errno == EBUSY ? 0 : -1, ERRORS(0));
		break;
	case LEND:
		if (!rnd(w, 20))
			lend(w);
		break;
	case FORK:
		spawn();
		break;
	case REOPEN:
		fd = open(POOL, O_RDWR | O_CLOEXEC);
		if (expect(op, fd < 0 ? -1 : 0, ERRORS(0))) {
			close(w->fd);
			w->fd = fd;
		}
		break;
	default:
		own_work(w, &w->own[rnd(w, OWN)]);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned long step;
	unsigned int i;

	w->fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (w->fd < 0) {
		wrong("opening the pool: %s", strerror(errno));
		return NULL;
	}
	for (step = 0; step < steps && !__atomic_load_n(&result->wrong, __ATOMIC_RELAXED); step++)
		one_step(w);
	for (i = 0; i < OWN; i++)
		if (w->own[i].id)
			must_work(w, &w->own[i], "removing at the end",
				  remove_extent(w->fd, w->own[i].name));
	close(w->fd);
	return NULL;
}

static void process(unsigned int number, uint64_t seed)
{
	static struct worker workers[THREADS];
	pthread_t threads[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		workers[i].number = number * THREADS + i;
		workers[i].rng = (seed + workers[i].number) * 0x9e3779b97f4a7c15ULL | 1;
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			die("pthread_create");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	struct pmpool_lend none = { .size = sizeof(none), .flags = PMPOOL_LEND_SET,
				    .timeout = 600000 };
	static struct snapshot snap, again;
	const char *bad;
	unsigned int i;
	int fd, status;
	pid_t pids[PROCESSES];

	begin("stress");
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	if (access(POOL, F_OK) && load(region_params()))
		die("loading the module");
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0 || result == MAP_FAILED)
		die(POOL);

	lend_online();
	if (argc > 1)
		steps = strtoul(argv[1], NULL, 0);
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (!pids[i]) {
			process(i, seed);
			exit(0);
		}
	}
	for (i = 0; i < PROCESSES; i++) {
		if (waitpid(pids[i], &status, 0) < 0)
			die("waitpid");
		check(!status, "process %u ends well, status %#x", i, status);
	}

	check(!result->wrong, "%lu words verified: %s", result->words,
	      result->wrong ? result->why : "all as they were written");
	for (i = 0; i < OPS; i++)
		check(result->worked[i] || result->tried[i] < 50, "%s: %lu of %lu worked", op_names[i], result->worked[i],
		      result->tried[i]);

	check_errno(ioctl(fd, PMPOOL_LEND, &none), 0, "taking back what is lent");
	take_snapshot(fd, &snap);
	bad = inconsistent(&snap);
	check(!bad, "list and INFO agree: %s", bad ? bad : "they do");
	for (i = 0; i < snap.count; i++)
		if (strncmp(snap.ext[i].name, "shared-", 7) ||
		    snap.ext[i].flags != PMPOOL_EXTENT_CLEAN)
			check(false, "'%s' is left, flags %#x", snap.ext[i].name,
			      snap.ext[i].flags);

	close(fd);
	check_errno(unload(), 0, "unloading");
	check_errno(load(region_params()), 0, "loading");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(POOL);
	take_snapshot(fd, &again);
	check(snap.count == again.count &&
	      !memcmp(snap.ext, again.ext, snap.count * sizeof(snap.ext[0])),
	      "a new attach finds the same %u extents", snap.count);
	for (i = 0; i < again.count; i++)
		if (remove_extent(fd, again.ext[i].name))
			check(false, "removing '%s': %s", again.ext[i].name, strerror(errno));
	take_snapshot(fd, &again);
	check(!again.count && again.info.free == again.info.largest_free, "all of it can be removed");
	close(fd);
	return done();
}
