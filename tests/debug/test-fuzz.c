// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random ioctls: known and unknown commands, sizes, flags and padding, names
 * and numbers that exist and that do not, memory that can not be read or
 * written, on the pool's file and on extents'. The pool stays consistent, no
 * undocumented error appears, and a struct is written only as far as it goes.
 *
 * usage: test-fuzz [CALLS [SEED]]
 */
#include <stddef.h>
#include <time.h>

#include "debug.h"

#define AREA	4096
#define GUARD	0xa7

static uint64_t rng;

static uint32_t rnd(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 20) % below;
}

static bool chance(uint32_t percent)
{
	return rnd(100) < percent;
}

enum kind { PLAIN, NAME, ID, LENGTH, ALIGN, MODE, UID, ZERO, BYTES, TIMEOUT };

struct field {
	enum kind kind;
	uint32_t offset;
	uint32_t size;
};

struct command {
	unsigned long cmd;
	const char *name;
	uint32_t size;
	uint32_t flags;		/* known ones */
	struct field fields[8];
};

#define F(kind, type, member) { kind, offsetof(struct type, member), \
				sizeof(((struct type *)0)->member) }

static const struct command commands[] = {
	{ PMPOOL_INFO, "INFO", sizeof(struct pmpool_info), 0, { } },
	{ PMPOOL_CREATE, "CREATE", sizeof(struct pmpool_create), 0,
	  { F(NAME, pmpool_create, name), F(LENGTH, pmpool_create, length),
	    F(ALIGN, pmpool_create, align), F(MODE, pmpool_create, mode),
	    F(TIMEOUT, pmpool_create, timeout), F(BYTES, pmpool_create, tag) } },
	{ PMPOOL_OPEN, "OPEN", sizeof(struct pmpool_open), PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE,
	  { F(ID, pmpool_open, id), F(NAME, pmpool_open, name) } },
	{ PMPOOL_REMOVE, "REMOVE", sizeof(struct pmpool_remove), 0,
	  { F(ID, pmpool_remove, id), F(NAME, pmpool_remove, name) } },
	{ PMPOOL_NEXT, "NEXT", sizeof(struct pmpool_next), 0,
	  { F(ALIGN, pmpool_next, cursor) } },
	{ PMPOOL_RENAME, "RENAME", sizeof(struct pmpool_rename), 0,
	  { F(ID, pmpool_rename, id), F(NAME, pmpool_rename, name),
	    F(NAME, pmpool_rename, new_name) } },
	{ PMPOOL_RESIZE, "RESIZE", sizeof(struct pmpool_resize), 0,
	  { F(ID, pmpool_resize, id), F(NAME, pmpool_resize, name),
	    F(LENGTH, pmpool_resize, length), F(TIMEOUT, pmpool_resize, timeout),
	    F(ZERO, pmpool_resize, __reserved) } },
	{ PMPOOL_SET, "SET", sizeof(struct pmpool_set),
	  PMPOOL_SET_MODE | PMPOOL_SET_UID | PMPOOL_SET_GID | PMPOOL_SET_TAG,
	  { F(ID, pmpool_set, id), F(NAME, pmpool_set, name), F(MODE, pmpool_set, mode),
	    F(UID, pmpool_set, uid), F(UID, pmpool_set, gid), F(ZERO, pmpool_set, __reserved),
	    F(BYTES, pmpool_set, tag) } },
	{ PMPOOL_SEAL, "SEAL", sizeof(struct pmpool_seal), 0,
	  { F(ID, pmpool_seal, id), F(NAME, pmpool_seal, name) } },
	{ PMPOOL_LIMIT, "LIMIT", sizeof(struct pmpool_limit), PMPOOL_LIMIT_SET,
	  { F(UID, pmpool_limit, uid), F(ZERO, pmpool_limit, __reserved),
	    F(LENGTH, pmpool_limit, max_bytes), F(LENGTH, pmpool_limit, max_extents) } },
	{ PMPOOL_REPAIR, "REPAIR", sizeof(struct pmpool_repair), 0,
	  { F(UID, pmpool_repair, slot), F(ZERO, pmpool_repair, __reserved),
	    F(BYTES, pmpool_repair, record) } },
	{ PMPOOL_LEND, "LEND", sizeof(struct pmpool_lend), PMPOOL_LEND_SET,
	  { F(LENGTH, pmpool_lend, lent), F(TIMEOUT, pmpool_lend, timeout),
	    F(ZERO, pmpool_lend, __reserved) } },
};

/* Every error of the contract, of whatever command. */
static const int contract[] = {
	ENOTTY, EINVAL, E2BIG, EOPNOTSUPP, EFAULT, ENODEV, EBADF, EEXIST, ENOSPC, EDQUOT, ENFILE,
	ENOENT, EACCES, EPERM, EBUSY, EAGAIN,
};

static struct snapshot snap;
static uint64_t pool_size;

static void random_name(char *to)
{
	static const char * const odd[] = {
		"", ".", "..", "a/b", "-", "A b", "\n", "con\xff", "%s%n", "pmpool",
	};
	char name[PMPOOL_NAME_SIZE] = "";

	if (snap.count && chance(45))
		memcpy(name, snap.ext[rnd(snap.count)].name, sizeof(name));
	else if (chance(80))
		snprintf(name, sizeof(name), "fuzz-%u", rnd(30));
	else if (chance(60))
		strcpy(name, odd[rnd(ARRAY_SIZE(odd))]);
	else if (chance(50))
		memset(name, 'x', chance(50) ? PMPOOL_NAME_SIZE : PMPOOL_NAME_SIZE - 1);
	else
		for (unsigned int i = 0; i < sizeof(name); i++)
			name[i] = rnd(256);
	memcpy(to, name, sizeof(name));
}

static uint64_t random_length(void)
{
	static const uint64_t edges[] = {
		0, 1, 4095, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 1ULL << 31, 1ULL << 32,
		1ULL << 62, 1ULL << 63, ~0ULL, ~0ULL - BLOCK + 2,
	};

	if (chance(60))
		return 1 + rnd(6 * BLOCK);
	if (chance(50))
		return edges[rnd(ARRAY_SIZE(edges))];
	return rng % (2 * pool_size);
}

static void fill_field(uint8_t *to, const struct field *field)
{
	uint64_t value;
	uint32_t small;

	switch (field->kind) {
	case PLAIN:
		return;
	case NAME:
		random_name((char *)to);
		return;
	case BYTES:
		for (uint32_t i = 0; i < field->size; i++)
			to[i] = rnd(256);
		return;
	case ID:
		value = snap.count && chance(70) ? snap.ext[rnd(snap.count)].id :
			chance(50) ? rnd(10000) : rng;
		break;
	case LENGTH:
		value = random_length();
		break;
	case ALIGN:
		value = chance(70) ? 0 : chance(80) ? 1ULL << rnd(64) : rng;
		break;
	default:
		small = field->kind == TIMEOUT ? 1 + rnd(300) : field->kind == MODE ? rnd(chance(90) ? 01000 : 0x10000) :
			field->kind == UID ? (chance(70) ? rnd(3) : chance(50) ? ~0U : rng) :
			chance(95) ? 0 : rng;
		memcpy(to, &small, sizeof(small));
		return;
	}
	memcpy(to, &value, sizeof(value));
}

static unsigned long done_ok[ARRAY_SIZE(commands)];
static unsigned long done_all[ARRAY_SIZE(commands)];
static unsigned long calls;

/* One call, valid but for what chance has made wrong. Says what was not right. */
static const char *one_call(int fd, bool on_extent, uint8_t *area)
{
	static char why[256];
	/* There have to be extents for the others to do something. */
	const struct command *c = &commands[chance(20) ? 1 : rnd(ARRAY_SIZE(commands))];
	unsigned long cmd = c->cmd;
	uint32_t head[2] = { c->size, 0 };
	uint8_t before[AREA], *at;
	uint32_t room, i;
	bool by_id = chance(40);
	int ret, err;

	if (chance(3))
		cmd = _IO(PMPOOL_IOC_TYPE, rnd(256));
	else if (chance(2))
		cmd = rng;

	memset(before, GUARD, sizeof(before));
	memset(before, 0, c->size);
	for (i = 0; i < ARRAY_SIZE(c->fields) && c->fields[i].size; i++) {
		const struct field *field = &c->fields[i];
		/* Either a number or a name, mostly; on an extent's file neither. */
		bool skip = (field->kind == ID && (!by_id || on_extent)) ||
			    (field->kind == NAME && i < 2 && (by_id || on_extent) &&
			     cmd != PMPOOL_CREATE);

		if (!skip || chance(4))
			fill_field(before + field->offset, field);
	}
	if (chance(60) && c->flags)
		head[1] = rnd(c->flags + 1);
	if (chance(4))
		head[1] |= 1U << rnd(32);
	/* SET refuses what is not told to be set. */
	if (cmd == PMPOOL_SET && chance(80)) {
		struct pmpool_set *set = (struct pmpool_set *)before;

		set->mode = head[1] & PMPOOL_SET_MODE ? set->mode : 0;
		set->uid = head[1] & PMPOOL_SET_UID ? set->uid : 0;
		set->gid = head[1] & PMPOOL_SET_GID ? set->gid : 0;
		if (!(head[1] & PMPOOL_SET_TAG))
			memset(set->tag, 0, sizeof(set->tag));
	}
	if (chance(6)) {
		static const uint32_t odd[] = { 0, 1, 4, 7, 8, 4096, 0x7fffffff, ~0U };

		head[0] = chance(50) ? odd[rnd(ARRAY_SIZE(odd))] : rnd(AREA + 1);
		if (head[0] > c->size && chance(50))
			memset(before + c->size, 0, AREA - c->size);
	}
	if (chance(2))
		before[rnd(c->size)] ^= 1 << rnd(8);
	memcpy(before, head, sizeof(head));

	/* At the end of the area, so that one byte too many faults; sometimes cut off. */
	room = head[0] < AREA ? (head[0] + 7) & ~7 : AREA;
	if (room < 8)
		room = 8;
	if (chance(3) && room > 16)
		room -= 8 * (1 + rnd(room / 8 - 1));
	at = area + AREA - room;
	memcpy(at, before, room);
	if (chance(2))
		mprotect(area, AREA, PROT_READ);

	ret = ioctl(fd, cmd, at);
	err = errno;
	mprotect(area, AREA, PROT_READ | PROT_WRITE);
	calls++;
	if (cmd == c->cmd) {
		done_all[c - commands]++;
		done_ok[c - commands] += !ret;
	}

	if (ret > 0) {
		snprintf(why, sizeof(why), "%s returned %d", c->name, ret);
		return why;
	}
	if (ret) {
		for (i = 0; i < ARRAY_SIZE(contract) && contract[i] != err; i++)
			;
		/* Of the VFS: what it answers to a command that is none of ours. */
		if (i == ARRAY_SIZE(contract) && cmd == c->cmd) {
			snprintf(why, sizeof(why), "%s: %s, which no command may return", c->name,
				 strerrorname_np(err));
			return why;
		}
	}
	if (cmd != c->cmd)
		return NULL;
	for (i = head[0] < c->size ? head[0] : c->size; i < room; i++) {
		if (at[i] != before[i]) {
			snprintf(why, sizeof(why), "%s of size %u has written byte %u", c->name,
				 head[0], i);
			return why;
		}
	}
	return NULL;
}

/* Random mmap() calls: what succeeds can be read, and written if it is writable. */
static const char *one_map(int fd)
{
	uint64_t length = chance(70) ? (1 + rnd(1024)) * 4096ULL : random_length();
	uint64_t offset = 0;
	int prot = PROT_READ | (chance(50) ? PROT_WRITE : 0);
	volatile char *mem;

	if (snap.count && chance(80))
		offset = snap.ext[rnd(snap.count)].offset;
	if (chance(30))
		offset += rnd(1024) * 4096ULL;
	if (chance(3))
		offset = rng & ~4095ULL;

	mem = mmap(NULL, length, prot, chance(95) ? MAP_SHARED : MAP_PRIVATE, fd, offset);
	calls++;
	if (mem == MAP_FAILED) {
		/* Of the kernel: a length or offset that overflows, an address space too small. */
		return errno == EINVAL || errno == ENXIO || errno == EACCES || errno == ENODEV ||
		       errno == ENOMEM || errno == EOVERFLOW ? NULL : strerror(errno);
	}
	(void)mem[0];
	(void)mem[length - 1];
	if (prot & PROT_WRITE)
		mem[rnd(length < BLOCK ? length : BLOCK)] = 1;
	if (chance(10))
		madvise((void *)mem, length, chance(50) ? MADV_DONTNEED : MADV_WILLNEED);
	if (chance(10))
		mprotect((void *)mem, 4096, prot ^ PROT_WRITE);
	munmap((void *)mem, length);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long limit = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) * 2654435761U;
	struct pmpool_lend none = { .size = sizeof(none), .flags = PMPOOL_LEND_SET,
				    .timeout = 600000 };
	const char *why = NULL, *bad = NULL;
	struct snapshot after;
	int fd, node = -1;
	uint8_t *area;
	unsigned int i;

	begin("fuzz");
	printf("# seed %#llx\n", (unsigned long long)seed);
	fflush(stdout);
	rng = seed | 1;
	if (access(POOL, F_OK) && load(region_params()))
		die("loading the module");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	area = mmap(NULL, 3 * AREA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || area == MAP_FAILED)
		die(POOL);
	area += AREA;
	mprotect(area, AREA, PROT_READ | PROT_WRITE);

	take_snapshot(fd, &snap);
	pool_size = snap.info.pool_size;
	while (!why && !bad && calls < limit) {
		for (i = 0; i < 100 && !why; i++) {
			if (node < 0 && snap.count && chance(10)) {
				char path[128];

				snprintf(path, sizeof(path), NODES "%s",
					 snap.ext[rnd(snap.count)].name);
				node = open(path, (chance(70) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
			}
			if (node >= 0 && chance(10)) {
				close(node);
				node = -1;
			}
			if (chance(1)) {
				close(fd);
				fd = open(POOL, (chance(90) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
				if (fd < 0)
					die(POOL);
			}
			if (chance(10))
				why = one_map(node >= 0 && chance(50) ? node : fd);
			else if (node >= 0 && chance(20))
				why = one_call(node, true, area);
			else
				why = one_call(fd, false, area);
		}
		take_snapshot(fd, &snap);
		bad = inconsistent(&snap);
		/* Room for more: an almost full pool refuses most. */
		while (!bad && snap.count > 20) {
			close(fd);
			fd = open(POOL, O_RDWR | O_CLOEXEC);
			if (fd < 0 || remove_extent(fd, snap.ext[rnd(snap.count)].name))
				die("removing an extent");
			take_snapshot(fd, &snap);
			bad = inconsistent(&snap);
		}
	}

	check(!why, "%lu calls, seed %#llx: %s", calls, (unsigned long long)seed,
	      why ? why : "every answer is one of the contract");
	check(!bad, "list and INFO agree: %s", bad ? bad : "they do");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].cmd != PMPOOL_REPAIR)
			check(done_ok[i] || done_all[i] < 100, "%s: %lu of %lu succeeded", commands[i].name, done_ok[i],
			      done_all[i]);

	/* What is in memory is what is in the region. */
	if (node >= 0)
		close(node);
	check_errno(ioctl(fd, PMPOOL_LEND, &none), 0, "taking back what is lent");
	take_snapshot(fd, &snap);
	close(fd);
	check_errno(unload(), 0, "unloading");
	check_errno(load(region_params()), 0, "loading");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(POOL);
	take_snapshot(fd, &after);
	check(snap.count == after.count &&
	      !memcmp(snap.ext, after.ext, snap.count * sizeof(snap.ext[0])),
	      "a new attach finds the same %u extents", snap.count);
	check(after.info.state == PMPOOL_STATE_OK && !inconsistent(&after), "and a sound pool");
	for (i = 0; i < after.count; i++)
		if (remove_extent(fd, after.ext[i].name))
			check(false, "removing '%s': %s", after.ext[i].name, strerror(errno));
	take_snapshot(fd, &after);
	check(!after.count && after.info.free == after.info.largest_free, "all of it can be removed");
	close(fd);
	return done();
}
