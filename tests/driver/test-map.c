// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program can do to a mapping of an extent: every system call that changes
 * one, in random order, against a model; sealing while others write and read; and
 * what works, and what does not, with memory that has no struct pages.
 *
 * Run as root with a pool of 2304 MiB, two processors and, for O_DIRECT, a disk.
 *
 * usage: test-map [STEPS [ROUNDS [SEED]]]
 */
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "guest.h"

#define GIB		(1024 * MIB)
#define PAGE		4096UL
#define BLOCK_PAGES	(BLOCK / PAGE)
#define DISK		"/dev/nvme0n1"
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Each thread may touch what it must not: the signal ends the attempt. */
static __thread sigjmp_buf landing;
static __thread bool may_fall;

static void fell(int signal)
{
	(void)signal;
	if (!may_fall)
		_exit(99);
	siglongjmp(landing, 1);
}

/* What is there; false if nothing can be read. */
static bool peek(const volatile uint64_t *at, uint64_t *value)
{
	bool there = false;

	may_fall = true;
	if (!sigsetjmp(landing, 0)) {
		*value = *at;
		there = true;
	}
	may_fall = false;
	return there;
}

static bool poke(volatile uint64_t *at, uint64_t value)
{
	bool there = false;

	may_fall = true;
	if (!sigsetjmp(landing, 0)) {
		*at = value;
		there = true;
	}
	may_fall = false;
	return there;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static int seal(int fd, const char *name)
{
	struct pmpool_seal arg = { .size = sizeof(arg) };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_SEAL, &arg);
}

static bool clean(int fd, const char *name)
{
	struct pmpool_extent_info ext;

	if (open_extent(fd, name, 0, &ext))
		die(name);
	return ext.flags & PMPOOL_EXTENT_CLEAN;
}

static unsigned long mappings(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/pmpool/%s/mappings", name);
	return strtoul(slurp(path), NULL, 0);
}

static int node(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), NODES "%s", name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static void touch(volatile char *mem, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += PAGE)
		mem[at] = at >> 12;
}

/* touch() was here. */
static bool touched(const volatile char *mem, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += PAGE)
		if (mem[at] != (char)(at >> 12))
			return false;
	return true;
}

/* Long extents are mapped by blocks, whichever way they are opened. */
static void test_large(int fd)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = GIB + BLOCK, .mode = 0600,
				     .align = GIB };
	struct pmpool_extent_info ext;
	long before, after;
	char *mem;
	int file;

	begin("large");
	set_name(arg.name, "large");
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), 0, "an extent of 1 GiB and a block, aligned to 1 GiB");
	check((info(fd).base + arg.offset) % GIB == 0, "is aligned in the machine's memory");

	mem = map_node("large", GIB + BLOCK, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED && (uintptr_t)mem % BLOCK == 0, "it is mapped at an address that suits");
	before = faults();
	before = faults();
	touch(mem, GIB + BLOCK);
	after = faults();
	check(after - before == 513, "new, it takes a fault for each block: %ld", after - before);
	munmap(mem, GIB + BLOCK);

	mem = map_node("large", GIB + BLOCK, PROT_READ | PROT_WRITE);
	before = faults();
	check(touched(mem, GIB + BLOCK), "mapped again, every page is there");
	touch(mem, GIB + BLOCK);
	after = faults();
	check(after - before >= 513 && after - before <= 518,
	      "reading takes a fault for each block, writing then none: %ld", after - before);
	munmap(mem, GIB + BLOCK);

	open_extent(fd, "large", PMPOOL_OPEN_WRITE, &ext);
	mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ext.offset);
	check(mem != MAP_FAILED && (uintptr_t)mem % BLOCK == 0, "the pool's device maps it as well");
	before = faults();
	touch(mem, GIB);
	after = faults();
	check(after - before == 512, "writing takes a fault for each block: %ld", after - before);
	munmap(mem, GIB);

	file = node("large", O_RDWR);
	mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	touch(mem, GIB);
	check_errno(seal(file, ""), 0, "sealed");
	check(clean(fd, "large") && touched(mem, GIB), "clean, and read");
	check(clean(fd, "large"), "still clean");
	mem[GIB - 1] = 1;
	check(!clean(fd, "large") && mem[GIB - 1] == 1, "written: dirty");
	munmap(mem, GIB);
	close(file);
}

struct watch {
	const volatile uint64_t *at;
	pthread_barrier_t turn;
	bool before, after;
};

/* Reads a place, so that its processor knows where that is, and again when it has moved. */
static void *watch_place(void *data)
{
	struct watch *watch = data;
	uint64_t value;

	watch->before = peek(watch->at, &value);
	pthread_barrier_wait(&watch->turn);
	pthread_barrier_wait(&watch->turn);
	watch->after = peek(watch->at, &value);
	return NULL;
}

/* Move a mapping. The old place is empty, for other threads too, and the new one has it. */
static char *move(char *mem, size_t length, char *to, const char *how)
{
	struct watch watch = { .at = (void *)(mem + 17 * PAGE) };
	pthread_t thread;
	char *moved;

	pthread_barrier_init(&watch.turn, NULL, 2);
	pthread_create(&thread, NULL, watch_place, &watch);
	pthread_barrier_wait(&watch.turn);
	moved = mremap(mem, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	pthread_barrier_wait(&watch.turn);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&watch.turn);
	check(moved == to && touched(moved, length), "moved %s, every page is there", how);
	check(watch.before && !watch.after, "no thread finds it where it was");
	return moved;
}

/*
 * 1 GiB that was used before, mapped where a single page-table entry could map it,
 * has a hole of one page made in it, and is moved.
 */
static void test_split(void)
{
	char *room, *at, *mem;
	int file = node("large", O_RDWR);
	uint64_t value;

	begin("split");
	messages();
	room = mmap(NULL, 5 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		die("5 GiB of addresses");
	at = room + (-(uintptr_t)room & (GIB - 1));
	munmap(room, 5 * GIB);

	mem = mmap(at, GIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0);
	check(mem == at, "1 GiB is mapped at a multiple of 1 GiB");
	touch(mem, GIB);
	check_errno(munmap(mem + PAGE, PAGE), 0, "a page is unmapped in the middle of a block");
	check(!peek((void *)(mem + PAGE), &value) && touched(mem, PAGE) &&
	      mem[2 * PAGE] == 2 && mem[511 * PAGE] == (char)511, "there is a hole, and the rest around it");
	check_errno(munmap(mem + 5 * BLOCK, BLOCK), 0, "a block is unmapped");
	check(!peek((void *)(mem + 5 * BLOCK), &value) &&
	      touched(mem + 6 * BLOCK, GIB - 6 * BLOCK), "there is a hole, and the rest around it");
	munmap(mem, GIB);

	mem = mmap(at, GIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0);
	touch(mem, GIB);
	mem = move(mem, GIB, at + GIB, "by 1 GiB");
	mem = move(mem, GIB, at + 2 * GIB + BLOCK, "by blocks");
	mem = move(mem, GIB, at + PAGE, "by pages");
	munmap(mem, GIB);
	close(file);
	check(!strstr(messages(), "bad p"), "the kernel found nothing bad in its page tables");
	check(mappings("large") == 0, "nothing maps the extent any more: %lu", mappings("large"));
}

/*
 * The model: for each page of the arena which page of which extent is there, and
 * what may be done with it; for each page of an extent the word that is in it.
 */
#define ARENA		((char *)0x100000000000)
#define ARENA_PAGES	(2 * GIB / PAGE)
#define EXTENTS		3

enum file { POOL_RW, NODE_RW, POOL_RO, NODE_RO, FILES };

static struct place {
	uint32_t page;
	uint8_t ext;		/* 1 and up; 0: nothing is mapped */
	uint8_t prot;
	uint8_t file;
	bool nofork;
} arena[ARENA_PAGES];

static struct extent {
	const char *name;
	uint64_t length;
	uint64_t offset;	/* in the pool */
	uint64_t pages;
	uint64_t *words;
	int files[FILES];
	uint64_t writable;	/* pages of the arena that are or could be made so, */
	uint64_t writable_by[2];	/* by which file */
	bool sealed;
} extents[EXTENTS] = {
	{ .name = "large", .length = GIB + BLOCK },
	{ .name = "odd", .length = 3 * BLOCK + 5000 },
	{ .name = "tiny", .length = 100 },
};

static uint64_t rng, seed;
static unsigned long step, looks, writes, calls;
static char trouble[256];
static int self_mem;

static uint64_t rnd(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 11) % below;
}

static bool chance(unsigned int percent)
{
	return rnd(100) < percent;
}

__attribute__((format(printf, 1, 2)))
static void wrong(const char *fmt, ...)
{
	va_list args;

	if (trouble[0])
		return;
	va_start(args, fmt);
	vsnprintf(trouble, sizeof(trouble), fmt, args);
	va_end(args);
}

/* A call's result is the one that the model says. */
static bool expect(const char *call, bool worked, int wanted)
{
	int got = worked ? 0 : errno;

	calls++;
	if (got != wanted)
		wrong("step %lu: %s: %s instead of %s", step, call,
		      got ? strerrorname_np(got) : "success",
		      wanted ? strerrorname_np(wanted) : "success");
	return got == wanted && !got;
}

static bool may_write(const struct place *place)
{
	return place->ext && place->file <= NODE_RW;
}

static void put(uint64_t index, struct place place)
{
	struct place *old = &arena[index];

	struct extent *ext;

	if (may_write(old)) {
		ext = &extents[old->ext - 1];
		ext->writable_by[old->file]--;
		if (!--ext->writable)
			ext->sealed = false;
	}
	if (may_write(&place)) {
		ext = &extents[place.ext - 1];
		ext->writable_by[place.file]++;
		ext->writable++;
	}
	*old = place;
}

static void put_nothing(uint64_t index, uint64_t count)
{
	while (count--)
		put(index++, (struct place){ });
}

static void put_extent(uint64_t index, uint64_t count, struct place place)
{
	for (; count--; place.page++)
		put(index++, place);
}

static volatile uint64_t *word_at(uint64_t index)
{
	uint64_t page = arena[index].page;

	return (void *)(ARENA + index * PAGE + (page * 104 & (PAGE - 8)));
}

/* Look at a page of the arena, perhaps by way of /proc/self/mem, and perhaps write. */
static void look(uint64_t index)
{
	struct place *place = &arena[index];
	volatile uint64_t *at = word_at(index);
	uint64_t *word = place->ext ? &extents[place->ext - 1].words[place->page] : NULL;
	bool debugger = chance(10), there, allowed;
	uint64_t value = 0;

	looks++;
	/* What is mapped a debugger reads whatever its protection is. */
	allowed = place->ext && (debugger || place->prot != PROT_NONE);
	there = debugger ? pread(self_mem, &value, 8, (uintptr_t)at) == 8 : peek(at, &value);
	if (there != allowed || (there && value != *word)) {
		wrong("step %lu: page %#llx reads %s%#llx%s, should %#llx of %s%s", step,
		      (unsigned long long)index, there ? "" : "nothing ", (unsigned long long)value,
		      debugger ? " in /proc/self/mem" : "", word ? (unsigned long long)*word : 0,
		      word ? extents[place->ext - 1].name : "nothing", allowed ? "" : ", not readable");
		return;
	}
	if (!chance(40))
		return;

	value = rnd(~0ULL) | 1;
	allowed = place->ext && place->prot & PROT_WRITE;
	there = debugger ? pwrite(self_mem, &value, 8, (uintptr_t)at) == 8 : poke(at, value);
	if (there != allowed) {
		wrong("step %lu: page %#llx could%s be written", step, (unsigned long long)index,
		      there ? "" : " not");
		return;
	}
	if (there) {
		*word = value;
		extents[place->ext - 1].sealed = false;
		writes++;
	}
}

/* A length in pages: any, one, a few, or about whole blocks. */
static uint64_t some_pages(uint64_t most)
{
	uint64_t pages;

	switch (rnd(10)) {
	case 0:
		pages = 1 + rnd(most);
		break;
	case 1 ... 2:
		pages = 1;
		break;
	case 3 ... 5:
		pages = 1 + rnd(16);
		break;
	default:
		pages = (1 + rnd(6)) * BLOCK_PAGES + rnd(3) - 1;
		break;
	}
	return pages < most ? pages : most;
}

/* One of the VMAs in the arena, as the kernel has them; false if there is none. */
static bool some_vma(uint64_t *index, uint64_t *count)
{
	uint64_t start, end, seen = 0;
	char line[512];
	FILE *maps;

	maps = fopen("/proc/self/maps", "re");
	if (!maps)
		die("/proc/self/maps");
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 ||
		    start < (uintptr_t)ARENA || end > (uintptr_t)ARENA + ARENA_PAGES * PAGE)
			continue;
		if (rnd(++seen))
			continue;
		*index = (start - (uintptr_t)ARENA) / PAGE;
		*count = (end - start) / PAGE;
	}
	fclose(maps);
	return seen;
}

/* Some of a VMA, with its ends more often than other places. */
static bool some_of_vma(uint64_t *index, uint64_t *count)
{
	uint64_t pages;

	if (!some_vma(index, count))
		return false;
	pages = some_pages(*count);
	if (!chance(25))
		*index += chance(33) ? *count - pages : rnd(*count - pages + 1);
	*count = pages;
	return true;
}

/* Anything in the arena, mostly where something is. */
static void some_range(uint64_t *index, uint64_t *count)
{
	if (chance(70) && some_of_vma(index, count)) {
		if (chance(30) && *index + 2 * *count < ARENA_PAGES)
			*count *= 2;
		return;
	}
	*count = some_pages(ARENA_PAGES / 4);
	*index = rnd(ARENA_PAGES - *count);
}

/* Part of an extent, and where it could be mapped. */
static struct extent *some_part(uint64_t *page, uint64_t *count, uint64_t *index)
{
	struct extent *ext = &extents[chance(60) ? 0 : rnd(EXTENTS)];
	uint64_t skew;

	*count = chance(8) ? ext->pages : some_pages(ext->pages);
	*page = rnd(ext->pages - *count + 1);
	if (chance(40))
		*page &= ~(BLOCK_PAGES - 1);
	*index = rnd(ARENA_PAGES - *count - 2 * BLOCK_PAGES);
	if (chance(60)) {
		/* By blocks. */
		skew = (*page - *index) & (BLOCK_PAGES - 1);
		*index += skew;
	}
	return ext;
}

static unsigned int writers;	/* which files are used for writing now */

static enum file some_file(void)
{
	enum file file = rnd(FILES);

	if (file <= NODE_RW && !(writers & (1 << file)))
		file ^= 1;
	return file;
}

static uint64_t file_offset(const struct extent *ext, enum file file, uint64_t page)
{
	return page * PAGE + (file == POOL_RW || file == POOL_RO ? ext->offset : 0);
}

static int some_prot(enum file file)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE };

	return file <= NODE_RW ? prots[rnd(4)] : prots[rnd(2)];
}

static bool occupied(uint64_t index, uint64_t count)
{
	while (count--)
		if (arena[index++].ext)
			return true;
	return false;
}

static void do_mmap(uint64_t *index, uint64_t *count)
{
	static const int more[] = { 0, 0, 0, MAP_POPULATE, MAP_LOCKED, MAP_NORESERVE };
	struct place place = { };
	struct extent *ext;
	uint64_t page;
	enum file file;
	bool moved = false;
	char *to, *at;
	int flags;

	ext = some_part(&page, count, index);
	file = some_file();
	place = (struct place){ .page = page, .ext = ext - extents + 1, .prot = some_prot(file),
				.file = file };
	flags = MAP_SHARED | more[rnd(ARRAY_SIZE(more))];
	to = ARENA + *index * PAGE;

	switch (rnd(4)) {
	case 0:	/* where nothing is, if the kernel likes it */
		at = mmap(to, *count * PAGE, place.prot, flags, ext->files[file],
			  file_offset(ext, file, page));
		if (!expect("mmap with a hint", at != MAP_FAILED, 0))
			return;
		if (occupied(*index, *count) ? at == to : at != to)
			wrong("step %lu: mmap with a hint gave %p, wanted %p, which is %s", step, at,
			      to, at == to ? "in use" : "free");
		if (at != to) {
			munmap(at, *count * PAGE);
			return;
		}
		break;
	case 1:	/* where the kernel likes, and then moved */
		at = mmap(NULL, *count * PAGE, place.prot, flags, ext->files[file],
			  file_offset(ext, file, page));
		if (!expect("mmap", at != MAP_FAILED, 0))
			return;
		if (*count >= BLOCK_PAGES && ((uintptr_t)at / PAGE - page) % BLOCK_PAGES)
			wrong("step %lu: page %#llx is mapped at %p, which is not aligned alike", step,
			      (unsigned long long)page, at);
		if (place.prot) {
			uint64_t value;

			peek((void *)at, &value);
			peek((void *)(at + (*count - 1) * PAGE), &value);
		}
		at = mremap(at, *count * PAGE, *count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		if (!expect("mremap from where the kernel put it", at != MAP_FAILED, 0))
			return;
		moved = true;
		break;
	case 2:	/* there, unless something is */
		at = mmap(to, *count * PAGE, place.prot, flags | MAP_FIXED_NOREPLACE,
			  ext->files[file], file_offset(ext, file, page));
		if (!expect("mmap MAP_FIXED_NOREPLACE", at != MAP_FAILED,
			    occupied(*index, *count) ? EEXIST : 0))
			return;
		break;
	default:
		at = mmap(to, *count * PAGE, place.prot, flags | MAP_FIXED, ext->files[file],
			  file_offset(ext, file, page));
		if (!expect("mmap MAP_FIXED", at != MAP_FAILED, 0))
			return;
		break;
	}
	/* There is the old mapping, the new one, or, when it was moved there, both. */
	ext->writable += moved && may_write(&place);
	put_nothing(*index, *count);
	put_extent(*index, *count, place);
	ext->writable -= moved && may_write(&place);
}

static void do_munmap(uint64_t *index, uint64_t *count)
{
	some_range(index, count);
	if (expect("munmap", !munmap(ARENA + *index * PAGE, *count * PAGE), 0))
		put_nothing(*index, *count);
}

static void do_mremap(uint64_t *index, uint64_t *count)
{
	uint64_t from, pages, left, to, i;
	char *old, *at;

	if (!some_of_vma(&from, &pages))
		return;
	*index = from;
	*count = pages;
	old = ARENA + from * PAGE;
	left = chance(70) ? pages : 1 + rnd(pages);

	switch (rnd(8)) {
	case 0:
		at = mremap(old, pages * PAGE, left * PAGE, chance(50) ? MREMAP_MAYMOVE : 0);
		if (expect("mremap in place", at == old, 0))
			put_nothing(from + left, pages - left);
		return;
	case 1:
		at = mremap(old, pages * PAGE, (pages + 1 + rnd(600)) * PAGE, MREMAP_MAYMOVE);
		expect("mremap to a longer one", at != MAP_FAILED, EFAULT);
		return;
	case 2:
		at = mremap(old, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
		expect("mremap MREMAP_DONTUNMAP", at != MAP_FAILED, EINVAL);
		return;
	case 3:
		at = mremap(old, 0, pages * PAGE, MREMAP_MAYMOVE);
		expect("mremap to a second one", at != MAP_FAILED, EFAULT);
		return;
	default:
		break;
	}

	to = rnd(ARENA_PAGES - left);
	if (chance(60) && to + BLOCK_PAGES + left < ARENA_PAGES)
		to += (from - to) & (BLOCK_PAGES - 1);
	at = mremap(old, pages * PAGE, left * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, ARENA + to * PAGE);
	if (to < from + pages && from < to + left) {
		expect("mremap MREMAP_FIXED onto itself", at != MAP_FAILED, EINVAL);
		return;
	}
	if (!expect("mremap MREMAP_FIXED", at != MAP_FAILED, 0))
		return;
	/* The extent has both mappings for a moment, so a seal lasts. */
	put_nothing(to, left);
	for (i = 0; i < left; i++)
		put(to + i, arena[from + i]);
	put_nothing(from, pages);
	*index = to;
	*count = left;
}

static void do_mprotect(uint64_t *index, uint64_t *count)
{
	int prot = some_prot(POOL_RW), wanted = 0, ret;
	uint64_t i;

	some_range(index, count);
	ret = mprotect(ARENA + *index * PAGE, *count * PAGE, prot);
	/* It goes on to the first VMA that it can not be done to. */
	for (i = *index; i < *index + *count; i++) {
		if (!arena[i].ext)
			wanted = ENOMEM;
		else if (prot & PROT_WRITE && !may_write(&arena[i]))
			wanted = EACCES;
		if (wanted)
			break;
		arena[i].prot = prot;
	}
	expect("mprotect", !ret, wanted);
}

/* Every advice there is and some that are none; few change anything. */
static void do_madvise(uint64_t *index, uint64_t *count)
{
	static const int frequent[] = { MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
					MADV_DONTNEED, MADV_REMOVE, 100, 101, -1, 0x7fffffff };
	int advice = chance(40) ? frequent[rnd(ARRAY_SIZE(frequent))] : (int)rnd(30);
	uint64_t i;
	int ret;

	some_range(index, count);
	ret = madvise(ARENA + *index * PAGE, *count * PAGE, advice);
	calls++;
	if (!ret && (advice == MADV_REMOVE || advice == MADV_FREE || advice == MADV_WIPEONFORK ||
		     advice == 100 || advice == 101 || advice == -1))
		wrong("step %lu: madvise %d: success", step, advice);
	if (advice != MADV_DONTFORK && advice != MADV_DOFORK)
		return;
	for (i = *index; i < *index + *count; i++)
		if (arena[i].ext)
			arena[i].nofork = advice == MADV_DONTFORK;
	if (ret && errno != ENOMEM)
		wrong("step %lu: madvise %s: %s", step,
		      advice == MADV_DONTFORK ? "MADV_DONTFORK" : "MADV_DOFORK", strerrorname_np(errno));
}

/* mlock(), msync(), mincore() and their like leave everything as it is. */
static void do_harmless(uint64_t *index, uint64_t *count)
{
	static unsigned char vec[ARENA_PAGES];
	bool whole = true;
	uint64_t i;
	char *at;
	int wanted;

	some_range(index, count);
	at = ARENA + *index * PAGE;
	for (i = *index; i < *index + *count; i++)
		whole &= arena[i].ext != 0;
	wanted = whole ? 0 : ENOMEM;

	switch (rnd(9)) {
	case 0:
		expect("mlock", !mlock(at, *count * PAGE), wanted);
		break;
	case 1:
		expect("mlock2", !mlock2(at, *count * PAGE, MLOCK_ONFAULT), wanted);
		break;
	case 2:
		expect("munlock", !munlock(at, *count * PAGE), wanted);
		break;
	case 3:
		expect("msync MS_SYNC", !msync(at, *count * PAGE, MS_SYNC), wanted);
		break;
	case 4:
		expect("msync MS_ASYNC", !msync(at, *count * PAGE, MS_ASYNC), wanted);
		break;
	case 5:
		expect("msync MS_INVALIDATE", !msync(at, *count * PAGE, MS_INVALIDATE | MS_SYNC), wanted);
		break;
	case 6:
		expect("mincore", !mincore(at, *count * PAGE, vec), wanted);
		break;
	case 7:
		expect("mlockall", !mlockall(MCL_FUTURE), 0);
		break;
	default:
		expect("munlockall", !munlockall(), 0);
		break;
	}
}

static void do_remap_file_pages(uint64_t *index, uint64_t *count)
{
	struct place place;
	struct extent *ext;
	uint64_t page;

	if (!some_of_vma(index, count))
		return;
	place = arena[*index];
	ext = &extents[place.ext - 1];
	if (*count > ext->pages)
		return;
	page = rnd(ext->pages - *count + 1);
	/* A new mapping of the same file. One that is open for reading counts as not shared. */
	if (!expect("remap_file_pages", !remap_file_pages(ARENA + *index * PAGE, *count * PAGE, 0,
							  file_offset(ext, place.file, page) / PAGE, 0),
		    may_write(&place) ? 0 : EINVAL))
		return;
	place.page = page;
	place.nofork = false;
	put_nothing(*index, *count);
	put_extent(*index, *count, place);
}

#define FORK_LOOKS	24

/* A child has what may be forked, and what it writes is seen here. */
static void do_fork(uint64_t *index, uint64_t *count)
{
	struct {
		uint64_t index;
		uint64_t write;
	} list[FORK_LOOKS];
	unsigned int i;
	pid_t child;
	int status;

	some_range(index, count);
	for (i = 0; i < FORK_LOOKS; i++) {
		list[i].index = i & 1 ? rnd(ARENA_PAGES) : *index + rnd(*count);
		list[i].write = chance(50) ? rnd(~0ULL) | 1 : 0;
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		for (i = 0; i < FORK_LOOKS; i++) {
			struct place *place = &arena[list[i].index];
			volatile uint64_t *at = word_at(list[i].index);
			bool here = place->ext && !place->nofork, there;
			uint64_t value = 0, *word;

			word = place->ext ? &extents[place->ext - 1].words[place->page] : NULL;
			there = peek(at, &value);
			if (there != (here && place->prot) || (there && value != *word))
				_exit(1 + 2 * i);
			if (!list[i].write)
				continue;
			there = poke(at, list[i].write);
			if (there != (here && place->prot & PROT_WRITE))
				_exit(2 + 2 * i);
			if (there)
				*word = list[i].write;
		}
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status) {
		i = (WEXITSTATUS(status) - 1) / 2 % FORK_LOOKS;
		wrong("step %lu: in a child, status %#x, page %#llx was wrong", step, status,
		      (unsigned long long)list[i].index);
		return;
	}
	for (i = 0; i < FORK_LOOKS; i++) {
		struct place *place = &arena[list[i].index];

		if (!list[i].write || !place->ext || place->nofork || !(place->prot & PROT_WRITE))
			continue;
		extents[place->ext - 1].words[place->page] = list[i].write;
		extents[place->ext - 1].sealed = false;
	}
}

static void do_seal(uint64_t *index, uint64_t *count)
{
	struct extent *ext = &extents[rnd(EXTENTS)];
	enum file file = rnd(2);
	int wanted = ext->writable_by[!file] ? EBUSY : 0;

	some_range(index, count);
	if (expect("PMPOOL_SEAL", !seal(ext->files[file], file == POOL_RW ? ext->name : ""), wanted))
		ext->sealed = ext->writable;
}

static const struct {
	const char *name;
	unsigned int share;
	void (*run)(uint64_t *index, uint64_t *count);
} operations[] = {
	{ "mmap", 25, do_mmap },
	{ "munmap", 12, do_munmap },
	{ "mremap", 20, do_mremap },
	{ "mprotect", 14, do_mprotect },
	{ "madvise", 12, do_madvise },
	{ "mlock and others", 6, do_harmless },
	{ "remap_file_pages", 2, do_remap_file_pages },
	{ "fork", 3, do_fork },
	{ "seal", 6, do_seal },
};

static unsigned long ran[ARRAY_SIZE(operations)];

static void one_step(void)
{
	uint64_t index = 0, count = 1, share = rnd(100), i;
	unsigned int op = 0;

	while (share >= operations[op].share)
		share -= operations[op++].share;
	ran[op]++;
	operations[op].run(&index, &count);

	look(index);
	look(index + count - 1);
	look(index ? index - 1 : 0);
	look(index + count < ARENA_PAGES ? index + count : index);
	for (i = 0; i < 5; i++) {
		look(index + rnd(count));
		look(rnd(ARENA_PAGES));
	}
	if (some_vma(&index, &count))
		for (i = 0; i < 8; i++)
			look(index + rnd(count));
	for (i = 0; i < EXTENTS; i++) {
		struct extent *ext = &extents[i];

		if (clean(ext->files[POOL_RW], ext->name) != (ext->sealed || !ext->writable))
			wrong("step %lu: '%s' is %s", step, ext->name,
			      ext->sealed || !ext->writable ? "dirty" : "clean");
	}
}

/* Reads anywhere, all the time: faults come while mappings change. */
static void *read_anywhere(void *data)
{
	const bool *stop = data;
	uint64_t x = 88172645463325252ULL, value;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		peek((void *)(ARENA + (x >> 11) % ARENA_PAGES * PAGE), &value);
		sched_yield();
	}
	return NULL;
}

static void start_model(int fd)
{
	struct pmpool_extent_info found;
	unsigned int i;
	int ro = open(POOL, O_RDONLY | O_CLOEXEC);

	for (i = 0; i < EXTENTS; i++) {
		struct extent *ext = &extents[i];

		if (open_extent(fd, ext->name, 0, NULL) && create(fd, ext->name, ext->length))
			die(ext->name);
		if (open_extent(fd, ext->name, PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, &found) ||
		    open_extent(ro, ext->name, PMPOOL_OPEN_READ, NULL))
			die(ext->name);
		ext->offset = found.offset;
		ext->pages = (ext->length + PAGE - 1) / PAGE;
		ext->words = calloc(ext->pages, 8);
		ext->files[POOL_RW] = fd;
		ext->files[POOL_RO] = ro;
		ext->files[NODE_RW] = node(ext->name, O_RDWR);
		ext->files[NODE_RO] = node(ext->name, O_RDONLY);
	}
}

static void test_random(int fd, unsigned long steps)
{
	bool stop = false;
	pthread_t thread;
	unsigned int i;

	begin("map");
	check_errno(remove_extent(fd, "large"), 0, "the extent of before is removed");
	rng = seed;
	start_model(fd);
	self_mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	pthread_create(&thread, NULL, read_anywhere, &stop);

	for (step = 0; step < steps && !trouble[0]; step++) {
		/* Who writes by one file alone can seal. */
		if (step % 200 == 0) {
			if (munmap(ARENA, ARENA_PAGES * PAGE))
				die("munmap");
			put_nothing(0, ARENA_PAGES);
			writers = 1 + step / 200 % 3;
		}
		if (step % 100 == 0) {
			printf("# step %lu\n", step);
			fflush(stdout);
		}
		one_step();
	}

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munlockall();
	check(!trouble[0], "%lu steps, seed %#llx, %lu calls, %lu looks, %lu writes: %s", step,
	      (unsigned long long)seed, calls, looks, writes,
	      trouble[0] ? trouble : "every page is what it should be");
	for (i = 0; i < ARRAY_SIZE(operations); i++)
		check(ran[i] || steps < 500, "%s: %lu", operations[i].name, ran[i]);

	munmap(ARENA, ARENA_PAGES * PAGE);
	close(self_mem);
	for (i = 0; i < EXTENTS; i++) {
		struct extent *ext = &extents[i];

		close(ext->files[NODE_RW]);
		close(ext->files[NODE_RO]);
		check(mappings(ext->name) == 0, "nothing maps '%s' any more: %lu", ext->name,
		      mappings(ext->name));
		check_errno(remove_extent(fd, ext->name), 0, "it can be removed");
	}
	close(extents[0].files[POOL_RO]);
}

static struct {
	volatile uint64_t *page;
	int node;
	pthread_barrier_t start, end;
	unsigned int pause[3];
	bool sealed, stop;
	unsigned int failed;
} race;

static void spin(unsigned int count)
{
	while (count--)
		__asm__ volatile ("" ::: "memory");
}

enum racer { WRITER, SEALER, READER };

static void *race_one(void *data)
{
	enum racer racer = (uintptr_t)data;
	uint64_t value;
	bool sealed;

	for (;;) {
		pthread_barrier_wait(&race.start);
		if (race.stop)
			return NULL;
		spin(race.pause[racer]);
		if (racer == SEALER) {
			race.failed += seal(race.node, "") != 0;
			__atomic_store_n(&race.sealed, true, __ATOMIC_SEQ_CST);
		} else {
			/* At least once after it was sealed. */
			do {
				sealed = __atomic_load_n(&race.sealed, __ATOMIC_SEQ_CST);
				peek(&race.page[1], &value);
			} while (!sealed);
		}
		pthread_barrier_wait(&race.end);
	}
}

/* A child gets no page that the driver has not put in for it. */
static void test_fork(int fd)
{
	uint64_t *mem;
	int file, status;
	pid_t child;

	begin("fork");
	create(fd, "fork", 2 * BLOCK);
	file = node("fork", O_RDWR);
	mem = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	mem[0] = 1;
	munmap((char *)mem + BLOCK + PAGE, PAGE);
	mem[BLOCK / 8] = 2;
	check_errno(seal(file, ""), 0, "sealed with a block and a page of another in the page table");
	check(mem[0] == 1 && mem[BLOCK / 8] == 2 && clean(fd, "fork"), "read again: clean");
	fflush(stdout);
	child = fork();
	if (!child) {
		uint64_t first, second;
		long before = faults();

		before = faults();
		first = *(volatile uint64_t *)mem;
		second = *(volatile uint64_t *)(mem + BLOCK / 8);
		if (faults() - before < 2)
			_exit(1);
		if (first != 1 || second != 2 || !clean(fd, "fork"))
			_exit(2);
		mem[1] = 3;
		_exit(clean(fd, "fork") ? 3 : 0);
	}
	waitpid(child, &status, 0);
	check(!status, "a child finds what is in both by a fault for each, and makes it dirty: status %#x",
	      status);
	check(mem[1] == 3 && mem[0] == 1, "the parent finds what the child wrote");
	munmap(mem, 2 * BLOCK);
	close(file);
	check_errno(remove_extent(fd, "fork"), 0, "removed");
}

/*
 * A page that is there read-only is written while its extent is sealed and the page
 * read again. Whoever was first, the next write makes the extent dirty.
 */
static void test_race(int fd, unsigned int rounds)
{
	unsigned int round, i, late = 0, lost = 0, first = 0;
	pthread_t threads[3];

	begin("race");
	create(fd, "race", BLOCK);
	race.node = node("race", O_RDWR);
	race.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, race.node, PAGE);
	pthread_barrier_init(&race.start, NULL, 3);
	pthread_barrier_init(&race.end, NULL, 3);
	for (i = SEALER; i <= READER; i++)
		pthread_create(&threads[i], NULL, race_one, (void *)(uintptr_t)i);

	rng = seed;
	for (round = 1; round <= rounds; round++) {
		uint64_t value;

		for (i = 0; i < 3; i++)
			race.pause[i] = rnd(3000);
		race.failed += seal(race.node, "") != 0;
		value = race.page[2];
		late += !clean(fd, "race");
		race.sealed = false;
		pthread_barrier_wait(&race.start);
		spin(race.pause[WRITER]);
		race.page[0] = round;
		pthread_barrier_wait(&race.end);
		lost += race.page[0] != round || race.page[2] != value;
		first += clean(fd, "race");
		race.page[2] = round;
		late += clean(fd, "race");
	}
	race.stop = true;
	pthread_barrier_wait(&race.start);
	for (i = SEALER; i <= READER; i++)
		pthread_join(threads[i], NULL);

	check(!race.failed, "%u rounds, %u seals failed", rounds, race.failed);
	check(!lost, "%u times what was written was lost", lost);
	check(!late, "%u times the mark was wrong; in %u rounds the write came first", late, first);
	munmap((void *)race.page, PAGE);
	close(race.node);
	check_errno(remove_extent(fd, "race"), 0, "removed");
}

static uint64_t metadata_sum(int fd)
{
	static uint64_t buf[8192];
	uint64_t size = info(fd).metadata_size, at, sum = 0;
	size_t i;

	for (at = 0; at < size; at += sizeof(buf)) {
		if (pread(fd, buf, sizeof(buf), at) != sizeof(buf))
			die("the metadata");
		for (i = 0; i < ARRAY_SIZE(buf); i++)
			sum = (sum ^ buf[i]) * 0x9e3779b97f4a7c15ULL;
	}
	return sum;
}

/* What a debugger does to a program that has an extent mapped. */
static void test_debugger(int fd)
{
	struct iovec ours, theirs;
	uint64_t *mem, *ro, word = 0x1122334455667788, buf[2 * PAGE / 8], before;
	size_t length = 2 * BLOCK + PAGE;
	char path[64];
	int file, mem_fd, ro_fd, status;
	pid_t child;

	begin("debugger");
	create(fd, "debug", 2 * BLOCK + 100);
	file = node("debug", O_RDWR);
	ro_fd = node("debug", O_RDONLY);
	mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ro = mmap(NULL, length, PROT_READ, MAP_SHARED, ro_fd, 0);
	mem[0] = 1;
	mem[3] = 3;
	child = fork();
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		/* It finds what the debugger wrote. */
		_exit(mem[3] == word && mem[BLOCK / 8 - 1] == word && mem[BLOCK / 8] == ~word &&
		      mem[BLOCK / 8 + 1] == 0 && mem[2 * BLOCK / 8 - 1] == 0 ? 42 : 1);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		die("a child to look into");

	errno = 0;
	check(ptrace(PTRACE_PEEKDATA, child, mem + 3, NULL) == 3 && !errno, "PTRACE_PEEKDATA");
	check(ptrace(PTRACE_PEEKDATA, child, ro + 3, NULL) == 3 && !errno,
	      "PTRACE_PEEKDATA, of a mapping that can not be written");
	before = metadata_sum(fd);
	check(ptrace(PTRACE_PEEKDATA, child, mem + BLOCK / 8 + 9, NULL) == 0 && !errno,
	      "what was never touched reads as zero");
	check(metadata_sum(fd) == before, "and stays untouched");
	check_errno(seal(file, ""), 0, "sealed");
	check(ptrace(PTRACE_PEEKDATA, child, mem, NULL) == 1 && clean(fd, "debug"),
	      "looked at: clean");
	check_errno(ptrace(PTRACE_POKEDATA, child, mem + 3, word), 0, "PTRACE_POKEDATA");
	check(mem[3] == word && !clean(fd, "debug"), "written: dirty");
	check_errno(ptrace(PTRACE_POKEDATA, child, ro + 3, 4), EIO,
		    "PTRACE_POKEDATA, of a mapping that can not be written");

	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	mem_fd = open(path, O_RDWR | O_CLOEXEC);
	check(pread(mem_fd, buf, 16, (uintptr_t)&mem[3]) == 16 && buf[0] == word && buf[1] == 0,
	      "/proc/PID/mem is read");
	check_errno(seal(file, ""), 0, "sealed");
	buf[0] = word;
	buf[1] = ~word;
	check(pwrite(mem_fd, buf, 16, (uintptr_t)&mem[BLOCK / 8 - 1]) == 16,
	      "and written, from one block to one that was never touched");
	check(!clean(fd, "debug"), "written: dirty");
	check(pread(mem_fd, buf, 16, (uintptr_t)&ro[BLOCK / 8 - 1]) == 16 && buf[0] == word &&
	      buf[1] == ~word, "and read there");
	check_errno(pwrite(mem_fd, buf, 16, (uintptr_t)ro), EIO,
		    "it does not write what the program can not write");
	check(ro[0] == 1, "and has not");
	munmap((char *)mem + length, PAGE);
	check(pread(mem_fd, buf, 2 * PAGE, (uintptr_t)mem + length - PAGE) >= (ssize_t)PAGE,
	      "up to the end of the mapping");

	ours = (struct iovec){ buf, 8 };
	theirs = (struct iovec){ mem, 8 };
	if (process_vm_readv(child, NULL, 0, NULL, 0, 0) && errno == ENOSYS) {
		check(true, "process_vm_readv # SKIP this kernel has none");
	} else {
		check_errno(process_vm_readv(child, &ours, 1, &theirs, 1, 0), EFAULT,
			    "process_vm_readv");
		check_errno(process_vm_writev(child, &ours, 1, &theirs, 1, 0), EFAULT,
			    "process_vm_writev");
	}

	ptrace(PTRACE_CONT, child, NULL, NULL);
	waitpid(child, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 42,
	      "the program finds what was written: status %#x", status);
	close(mem_fd);
	munmap(mem, length);
	munmap(ro, length);
	close(file);
	close(ro_fd);
	check_errno(remove_extent(fd, "debug"), 0, "removed");
}

static void test_sync(int fd)
{
	uint64_t *mem;
	int file;

	begin("sync");
	create(fd, "sync", BLOCK);
	file = node("sync", O_RDWR);
	mem = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	mem[0] = 1;
	check_errno(msync(mem, BLOCK, MS_SYNC), 0, "msync MS_SYNC");
	check_errno(msync(mem, BLOCK, MS_ASYNC), 0, "msync MS_ASYNC");
	check_errno(fsync(file), 0, "fsync of an extent");
	check_errno(fdatasync(file), 0, "fdatasync of an extent");
	check_errno(fsync(fd), 0, "fsync of the pool");
	check_errno(fdatasync(fd), 0, "fdatasync of the pool");
	munmap(mem, BLOCK);
	close(file);
	check_errno(remove_extent(fd, "sync"), 0, "removed");
}

struct shared {
	pthread_mutex_t mutex;
	uint64_t count;
	uint32_t word;
};

static void *count_locked(void *data)
{
	struct shared *shared = data;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		pthread_mutex_lock(&shared->mutex);
		shared->count++;
		pthread_mutex_unlock(&shared->mutex);
	}
	return NULL;
}

static long futex(uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

/* What pmpool(4) says that works, and does not, for want of struct pages. */
static void test_no_pages(int fd)
{
	static char ordinary[2 * PAGE];
	char *aligned = ordinary + (-(uintptr_t)ordinary & (PAGE - 1));
	pthread_mutexattr_t attr;
	struct shared *shared;
	pthread_t threads[2];
	struct iovec iov;
	int file, disk, pipes[2], status;
	unsigned int i;
	pid_t child;
	char *mem;

	begin("no pages");
	create(fd, "plain", 2 * BLOCK);
	file = node("plain", O_RDWR);
	mem = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	shared = (struct shared *)(mem + BLOCK);

	pthread_mutex_init(&shared->mutex, NULL);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count_locked, shared);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check(shared->count == 40000, "a mutex of one process's threads works");
	check_errno(futex(&shared->word, FUTEX_WAKE_PRIVATE, 1), 0, "so does FUTEX_WAKE_PRIVATE");
	check_errno(futex(&shared->word, FUTEX_WAIT_PRIVATE, 1), EAGAIN, "and FUTEX_WAIT_PRIVATE");
	check_errno(futex(&shared->word, FUTEX_WAKE, 1), EFAULT, "FUTEX_WAKE between processes");
	check_errno(futex(&shared->word, FUTEX_WAIT, 1), EFAULT, "FUTEX_WAIT between processes");

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared->mutex, &attr);
	check(!pthread_mutex_lock(&shared->mutex),
	      "a mutex of several processes is locked, when nobody has it");
	fflush(stdout);
	child = fork();
	if (!child) {
		close(2);
		signal(SIGABRT, SIG_DFL);
		pthread_mutex_lock(&shared->mutex);
		_exit(0);
	}
	waitpid(child, &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	      "who has to wait for it is aborted: status %#x", status);

	check_errno(madvise(mem, BLOCK, MADV_POPULATE_READ), EINVAL, "MADV_POPULATE_READ");
	check_errno(madvise(mem, BLOCK, MADV_POPULATE_WRITE), EINVAL, "MADV_POPULATE_WRITE");
	check_errno(madvise(mem, BLOCK, MADV_DONTNEED), EINVAL, "MADV_DONTNEED");
	if (pipe(pipes))
		die("a pipe");
	check(write(pipes[1], mem, PAGE) == PAGE && read(pipes[0], mem, PAGE) == PAGE,
	      "write() from it and read() to it work");
	iov = (struct iovec){ mem, PAGE };
	check_errno(vmsplice(pipes[1], &iov, 1, 0), EFAULT, "vmsplice");
	close(pipes[0]);
	close(pipes[1]);
	disk = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk < 0)
		die(DISK ", which --disk gives");
	check(pread(disk, aligned, PAGE, 0) == PAGE, "O_DIRECT reads to other memory");
	check_errno(pread(disk, mem, PAGE, 0), EFAULT, "O_DIRECT read");
	check_errno(pwrite(disk, mem, PAGE, 0), EFAULT, "O_DIRECT write");
	close(disk);

	munmap(mem, 2 * BLOCK);
	close(file);
	check_errno(remove_extent(fd, "plain"), 0, "removed");
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = fell, .sa_flags = SA_NODEFER };
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000;
	unsigned int rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 300;
	const char *region = strstr(slurp("/proc/cmdline"), "pmpool.region=");
	char params[128];
	int fd;

	seed = argc > 3 ? strtoull(argv[3], NULL, 0) | 1 : (uint64_t)time(NULL) * 2654435761U | 1;
	printf("# seed %#llx\n", (unsigned long long)seed);
	fflush(stdout);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	if (!region)
		die("no pmpool.region= on the kernel command line");
	snprintf(params, sizeof(params), "%.*s", (int)strcspn(region + 7, " \n"), region + 7);
	if (access(POOL, F_OK) && load(params))
		die("loading the module");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(POOL);

	test_debugger(fd);
	test_sync(fd);
	test_no_pages(fd);
	test_fork(fd);
	if (rounds)
		test_race(fd, rounds);
	test_large(fd);
	test_split();
	if (steps)
		test_random(fd, steps);
	return done();
}
