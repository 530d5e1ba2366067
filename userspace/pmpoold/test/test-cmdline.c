// SPDX-License-Identifier: GPL-2.0-only
/* The next kernel's command line: made, repaired, refused. */
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"
#include "tap.h"

static const struct region pool = { 0x100000000, 512ULL << 20 };

#define RESERVED "memmap=512M$0x100000000 pmpool.region=512M@0x100000000"
#define BOTH RESERVED " pmpool=512M@0x100000000"

/* What the two kernels have to do with the region, for what follows. */
static unsigned int how;

static void composes(const char *what, const char *current, const char *append, const char *want)
{
	struct strlist notes = { 0 }, problems = { 0 };
	char *got = cmdline_compose(current, append, &pool, how, &notes, &problems);

	ok(got && !strcmp(got, want), "compose: %s", what);
	if (!got || strcmp(got, want))
		printf("# got  %s\n# want %s\n", got ? got : problems.v[0], want);
	free(got);
	strlist_clear(&notes);
	strlist_clear(&problems);
}

static void composes_not(const char *what, const char *current, const char *append,
			 const char *because)
{
	struct strlist notes = { 0 }, problems = { 0 };
	char *got = cmdline_compose(current, append, &pool, how, &notes, &problems);

	ok(!got && problems.n == 1 && strstr(problems.v[0], because), "compose refuses: %s (%s)",
	   what, problems.n ? problems.v[0] : "no reason");
	free(got);
	strlist_clear(&notes);
	strlist_clear(&problems);
}

/* because NULL: safe. note: a part of what is said all the same, or NULL. */
static void checks_max(const char *what, const char *cmdline, uint32_t max, const char *because,
		       const char *note)
{
	struct strlist notes = { 0 }, problems = { 0 };
	char *p, *n;

	cmdline_check(cmdline, &pool, how, max, &notes, &problems);
	p = strlist_join(&problems, "; ");
	n = strlist_join(&notes, "; ");
	ok((because ? strstr(p, because) != NULL : !problems.n) && (!note || strstr(n, note)),
	   "check %s: %s (%s)", because ? "refuses" : "accepts", what, problems.n ? p : n);
	free(p);
	free(n);
	strlist_clear(&notes);
	strlist_clear(&problems);
}

static void checks(const char *what, const char *cmdline, const char *because)
{
	checks_max(what, cmdline, 0, because, NULL);
}

static void test_compose(void)
{
	struct strlist notes = { 0 }, problems = { 0 };
	char *once, *twice, *s;

	composes("both are added", "root=/dev/vda ro", NULL, "root=/dev/vda ro " RESERVED);
	composes("an empty one", "", NULL, RESERVED);
	composes("what is there stays as it is", "ro " RESERVED " quiet", NULL,
		 "ro " RESERVED " quiet");
	composes("numbers are compared by value",
		 "memmap=0x20000000$4G pmpool.region=524288k@4096M", NULL,
		 "memmap=0x20000000$4G pmpool.region=524288k@4096M");
	composes("doubles are dropped", RESERVED " " RESERVED, NULL, RESERVED);
	composes("what was for one boot only is dropped",
		 "BOOT_IMAGE=/boot/vmlinuz ro initrd=initrd.img elfcorehdr=0x1000 crashkernel=256M",
		 NULL, "ro crashkernel=256M " RESERVED);
	composes("another region is replaced", "pmpool.region=256M@0x100000000 ro", NULL,
		 "ro " RESERVED);
	composes("another reservation stays", "memmap=64M$0x200000000", NULL,
		 "memmap=64M$0x200000000 " RESERVED);
	composes("a reservation that covers less stays", "memmap=256M$0x100000000", NULL,
		 "memmap=256M$0x100000000 " RESERVED);
	composes("arguments for init stay at the end", "ro -- single", NULL,
		 "ro " RESERVED " -- single");
	composes("a reservation behind -- is not one", "ro -- " RESERVED, NULL,
		 "ro " RESERVED " -- " RESERVED);
	composes("quotes are kept", "dyndbg=\"file a.c +p; file b.c +p\" ro", NULL,
		 "dyndbg=\"file a.c +p; file b.c +p\" ro " RESERVED);
	composes("a reservation inside quotes of another is none",
		 "x=\"a memmap=512M$0x100000000 b\"", NULL,
		 "x=\"a memmap=512M$0x100000000 b\" " RESERVED);
	composes("a quoted value is understood", "memmap=\"512M$0x100000000\"", NULL,
		 "memmap=\"512M$0x100000000\" pmpool.region=512M@0x100000000");
	composes("Append= comes behind", "ro", "quiet panic=5", "ro " RESERVED " quiet panic=5");
	composes("Append= comes before --", "ro -- single", "quiet",
		 "ro " RESERVED " quiet -- single");
	composes("a prefix of the name is another parameter", "memmap2=1 pmpool.region2=1", NULL,
		 "memmap2=1 pmpool.region2=1 " RESERVED);
	composes("spaces and tabs", "  ro \t  quiet  ", NULL, "ro quiet " RESERVED);
	composes_not("a quote left open", "ro x=\"a b", NULL, "quote");
	composes_not("a quote left open in Append=", "ro", "x=\"a", "Append=x=\"a");
	composes_not("-- in Append=", "ro", "-- single", "\"--\"");

	once = cmdline_compose("BOOT_IMAGE=x ro -- 3", "quiet panic=5", &pool, how, &notes,
			       &problems);
	twice = cmdline_compose(once, "quiet panic=5", &pool, how, &notes,
			       &problems);
	ok(!strcmp(once, twice), "compose: does not grow from kexec to kexec");
	free(once);
	free(twice);
	ok(!notes.n && !problems.n, "compose: nothing to tell about an ordinary one");

	s = cmdline_compose("memmap=256M$0x100000000 pmpool.region=1G@4G", NULL, &pool, how, &notes,
			    &problems);
	ok(notes.n == 2 && strstr(notes.v[0], "memmap=256M$0x100000000 does not cover") &&
	   strstr(notes.v[1], "pmpool.region=1G@4G is not where the pool is"),
	   "compose: says what it changed");
	free(s);
	strlist_clear(&notes);

	s = cmdline_memmap(&(struct region){ 0x40000000, 3ULL << 30 });
	ok(!strcmp(s, "memmap=3G$0x40000000"), "a size in GiB: %s", s);
	free(s);
	s = cmdline_region(&(struct region){ 0x40000000, 1025 });
	ok(!strcmp(s, "pmpool.region=1025@0x40000000"), "a size in bytes: %s", s);
	free(s);
}

static void test_check(void)
{
	char long_line[CMDLINE_MAX + 8];
	size_t len;

	checks("the reservation", "ro " RESERVED, NULL);
	checks("none at all", "ro quiet", "lacks the reservation of the pool: add memmap=512M$0x100000000");
	checks("an empty one", "", "lacks the reservation");
	checks("no memmap=", "pmpool.region=512M@0x100000000", "lacks the reservation");
	checks("no pmpool.region=", "memmap=512M$0x100000000",
	       "does not say where the pool is: add pmpool.region=512M@0x100000000");
	checks("one that is too short", "memmap=256M$0x100000000 pmpool.region=512M@4G",
	       "lacks the reservation");
	checks("one that ends too early", "memmap=512M$0xffe00000 pmpool.region=512M@4G",
	       "lacks the reservation");
	checks("a larger one", "memmap=1G$4G pmpool.region=512M@4G", NULL);
	checks("one in a list", "memmap=64K$0x10000,512M$4G pmpool.region=512M@4G", NULL);
	checks("RAM is not a reservation", "memmap=512M@4G pmpool.region=512M@4G",
	       "makes the pool's memory ordinary RAM");
	checks("a part made RAM again", RESERVED " memmap=2M@0x110000000",
	       "memmap=2M@0x110000000 makes the pool's memory ordinary RAM");
	checks("a part made ACPI data", RESERVED " memmap=2M#0x110000000", "ACPI");
	checks("a part made a pmem device", RESERVED " memmap=2M!0x110000000",
	       "persistent memory device");
	checks("a part given another type", RESERVED " memmap=2M%0x110000000-2+1", "another type");
	checks("RAM beside the pool", RESERVED " memmap=2M@0x120000000", NULL);
	checks("a limit", RESERVED " memmap=8G mem=8G", NULL);
	checks("a map that forgets it", RESERVED " memmap=exactmap", "lacks the reservation");
	checks("a map that comes first", "memmap=exactmap " RESERVED, NULL);
	checks("the last region counts", RESERVED " pmpool.region=256M@4G",
	       "pmpool.region=256M@4G is not where the pool is: make it pmpool.region=512M@0x100000000");
	checks("a region that is no range", "memmap=512M$4G pmpool.region=512M", "is not where");
	checks("an empty region", "memmap=512M$4G pmpool.region=", "is not where");
	checks("behind --", "ro -- " RESERVED, "lacks the reservation");
	checks("in quotes", "x=\"" RESERVED "\"", "lacks the reservation");
	checks("a quote left open", RESERVED " x=\"a", "quote that is not closed");
	checks("garbage behind the range", "memmap=512M$4Gx pmpool.region=512M@4G", "lacks");
	checks("a negative number", "memmap=-1$4G pmpool.region=512M@4G", "lacks");
	checks("a number that is too large", "memmap=99999999999999999999999$4G pmpool.region=512M@4G",
	       "lacks");
	checks("a suffix that is too large", "memmap=512M$17E pmpool.region=512M@4G", "lacks");
	checks("a range to the end of memory", "memmap=0xffffffff00000000$4G pmpool.region=512M@4G",
	       NULL);
	checks("the driver is blacklisted", RESERVED " module_blacklist=foo,pmpool",
	       "keeps the driver from being loaded");
	checks("another one is blacklisted", RESERVED " module_blacklist=pmpool2", NULL);
	checks_max("it says what reserves", RESERVED, 0, NULL,
		   "memmap=512M$0x100000000 reserves the pool");
	checks_max("five reservations", RESERVED " memmap=1M$1G,1M$2G memmap=1M$3G,1M$5G", 0, NULL,
		   "5 memmap= entries");

	len = (size_t)snprintf(long_line, sizeof(long_line), "%s x=", RESERVED);
	memset(long_line + len, 'y', sizeof(long_line) - len);
	long_line[CMDLINE_MAX - 1] = '\0';
	checks("2047 characters", long_line, NULL);
	long_line[CMDLINE_MAX - 1] = 'y';
	long_line[CMDLINE_MAX] = '\0';
	checks("2048 characters", long_line, "2048 characters, and that kernel takes 2047");
	checks_max("what the image takes", RESERVED, 20, "and that kernel takes 20", NULL);
}

static void means(const char *what, const char *cmdline, bool reserved, bool found)
{
	struct strlist notes = { 0 }, problems = { 0 };
	struct cmdline_means m = cmdline_check(cmdline, &pool, how, 100, &notes, &problems);

	ok(m.reserved == reserved && m.found == found, "%s: %s, %s", what,
	   m.reserved ? "left alone" : "used", m.found ? "found" : "not found");
	strlist_clear(&notes);
	strlist_clear(&problems);
}

/* What is lost when one kexecs all the same. */
static void test_means(void)
{
	means("all is well", "ro " RESERVED, true, true);
	means("nothing is said", "ro quiet", false, false);
	means("the region is reserved and not named", "memmap=512M$4G", true, false);
	means("it is named and not reserved", "pmpool.region=512M@4G", false, true);
	means("the driver is kept out", RESERVED " module_blacklist=pmpool", true, false);
	means("part of it is made RAM again", RESERVED " memmap=2M@0x110000000", false, true);
	means("a quote is open", RESERVED " \"", false, false);
	means("it is longer than the kernel reads", RESERVED
	      "                                                                  x", false, true);
}

/* What is said when a line is made, joined. */
static void notes_of(const char *what, const char *current, const char *want)
{
	struct strlist notes = { 0 }, problems = { 0 };
	char *line = cmdline_compose(current, NULL, &pool, how, &notes, &problems);
	char *said = strlist_join(&notes, "; ");

	ok(line && !strcmp(said, want), "says: %s (%s)", what, said);
	free(said);
	free(line);
	strlist_clear(&notes);
	strlist_clear(&problems);
}

/* For a kernel that knows pmpool=, from one with the other backing, or the same. */
static void test_compose_to_cma(void)
{
	char *once, *twice, *s;
	struct strlist notes = { 0 }, problems = { 0 };

	composes("pmpool= is added", "ro", NULL, "ro " BOTH);
	composes("what is there stays as it is", "pmpool=512M@4G ro", NULL,
		 "pmpool=512M@4G ro " RESERVED);
	composes("it is there once", BOTH " " BOTH, NULL, BOTH);
	composes("another one is replaced", "pmpool=1G@4G ro", NULL, "ro " BOTH);
	composes("one without a place as well", "pmpool=512M ro", NULL, "ro " BOTH);
	composes("and one that is none", "pmpool= pmpool=x pmpool ro", NULL, "ro " BOTH);
	composes("Append= comes behind, arguments for init at the end", "ro -- single", "quiet",
		 "ro " BOTH " quiet -- single");
	composes("one for init is not one", "ro -- pmpool=512M@4G", NULL,
		 "ro " BOTH " -- pmpool=512M@4G");
	composes("other names stay", "pmpool.x=1 pmpools=512M@4G xpmpool=1", NULL,
		 "pmpool.x=1 pmpools=512M@4G xpmpool=1 " BOTH);
	notes_of("what was wrong", "pmpool=1G@4G", "pmpool=1G@4G is not where the pool is: replaced");
	notes_of("nothing of a place that was left to the kernel", "pmpool=512M", "");
	notes_of("nothing of what is right", BOTH, "");

	once = cmdline_compose("ro", "quiet", &pool, how, &notes, &problems);
	twice = cmdline_compose(once, "quiet", &pool, how, &notes, &problems);
	ok(!strcmp(once, twice), "does not grow from kexec to kexec");
	free(twice);
	/* To a stock kernel, and back. */
	twice = cmdline_compose(once, "quiet", &pool, how & ~CMDLINE_TO_CMA, &notes, &problems);
	ok(!strcmp(twice, "ro " RESERVED " quiet"), "a kernel that does not know it is not told: %s",
	   twice);
	free(once);
	once = cmdline_compose(twice, "quiet", &pool, how, &notes, &problems);
	ok(!strcmp(once, "ro " RESERVED " quiet pmpool=512M@0x100000000") && !notes.n,
	   "and one that does is again: %s", once);
	free(once);
	free(twice);
	s = cmdline_pool(&pool);
	ok(!strcmp(s, "pmpool=512M@0x100000000"), "a pool: %s", s);
	free(s);
}

static void test_compose_to_reserved(void)
{
	composes("a stale pmpool= is dropped", "pmpool=512M@4G ro", NULL, "ro " RESERVED);
	composes("whatever it is", "pmpool=1G@4G ro pmpool=512M pmpool", NULL, "ro " RESERVED);
	composes("but not what is init's", "ro -- pmpool=1G", NULL, "ro " RESERVED " -- pmpool=1G");
	notes_of("nothing of one that was right", "pmpool=512M@4G", "");
	notes_of("one of another place", "pmpool=1G@8G",
		 "pmpool=1G@8G is not where the pool is: left out");
}

/* From a kernel that hands on what the firmware says. */
static void test_from_reserved_to_cma(void)
{
	how = CMDLINE_TO_CMA;
	test_compose_to_cma();
	checks("everything", "ro " BOTH, NULL);
	checks_max("and says what each is for", BOTH, 0, NULL,
		   "memmap=512M$0x100000000 reserves the pool; pmpool=512M@0x100000000 lets that kernel use what is free of it");
	checks_max("pmpool= is enough", "ro pmpool=512M@4G", 0, NULL, "pmpool=512M@4G reserves the pool");
	checks_max("and need not be there", RESERVED, 0, NULL,
		   "without pmpool=512M@0x100000000 that kernel does not use what is free of it");
	checks("nothing at all", "ro", "lacks the reservation of the pool: add pmpool=512M@0x100000000");
	checks("pmpool= of another place", RESERVED " pmpool=512M@8G",
	       "pmpool=512M@8G is not where the pool is: make it pmpool=512M@0x100000000");
	checks("two that contradict each other", BOTH " pmpool=512M@8G",
	       "pmpool=512M@0x100000000 and pmpool=512M@8G contradict each other");
	checks("two that say the same", BOTH " pmpool=0x20000000@4G", NULL);
	checks("one of them without a place", BOTH " pmpool=512M", "contradict each other");
	checks("pmpool= without a place", RESERVED " pmpool=512M", "pmpool=512M is not where");
	checks("pmpool.region= of another place", "pmpool=512M@4G pmpool.region=512M@8G",
	       "pmpool.region=512M@8G is not where");
	checks("a map that forgets it", "pmpool=512M@4G memmap=exactmap", "memmap=exactmap forgets");
	means("everything", BOTH, true, true);
	means("pmpool= alone", "pmpool=512M@4G", true, true);
	means("no pmpool=", RESERVED, true, true);
	means("nothing", "ro", false, false);
	means("pmpool= elsewhere", RESERVED " pmpool=512M@8G", true, false);
	means("pmpool= over a part of it, which memmap= does not prevent",
	      RESERVED " pmpool=256M@0x110000000", false, false);
	means("pmpool= where the kernel likes, which is not where memmap= is",
	      RESERVED " pmpool=512M", true, false);
	means("and without that", "pmpool=512M", false, false);
	means("two that contradict each other", BOTH " pmpool=512M@8G", true, false);
	means("RAM in the middle of it", BOTH " memmap=2M@0x110000000", false, true);
}

/* The map that is handed on keeps it. */
static void test_from_cma(void)
{
	how = CMDLINE_FROM_CMA;
	test_compose_to_reserved();
	checks("everything", "ro " RESERVED, NULL);
	checks_max("no memmap=, which is told", "pmpool.region=512M@4G", 0, NULL,
		   "it has no memmap=512M$0x100000000, and needs none: the running kernel hands on a map that reserves the pool");
	checks("no pmpool.region=", "memmap=512M$4G",
	       "does not say where the pool is: add pmpool.region=512M@0x100000000");
	checks("nothing at all", "ro", "does not say where the pool is");
	checks("pmpool= is nothing to it", "pmpool=512M@4G", "does not say where the pool is");
	checks("nor is a wrong one", RESERVED " pmpool=1G@8G", NULL);
	checks("a map that forgets it", "pmpool.region=512M@4G memmap=exactmap",
	       "memmap=exactmap forgets the map, and nothing behind it reserves the pool");
	checks("one that forgets it, and says it again", "memmap=exactmap " RESERVED, NULL);
	checks("a part made RAM again", "pmpool.region=512M@4G memmap=2M@0x110000000",
	       "makes the pool's memory ordinary RAM");
	checks("the driver is blacklisted", RESERVED " module_blacklist=pmpool", "keeps the driver");
	means("everything", RESERVED, true, true);
	means("nothing is said", "ro quiet", true, false);
	means("no memmap=", "pmpool.region=512M@4G", true, true);
	means("a map that forgets it", "pmpool.region=512M@4G memmap=exactmap", false, true);
	means("a quote is open", RESERVED " \"", true, false);
	means("it is longer than the kernel reads", RESERVED
	      "                                                                  x", true, true);

	how = CMDLINE_FROM_CMA | CMDLINE_TO_CMA;
	test_compose_to_cma();
	checks("everything, into its like", "ro " BOTH, NULL);
	checks_max("nothing at all, which is told", "ro", 0, NULL,
		   "it has no pmpool.region=512M@0x100000000, and needs none: that kernel is handed the place by the running one");
	checks_max("pmpool= alone", "pmpool=512M@4G", 0, NULL, "that kernel has pmpool=");
	checks("pmpool= without a place", "pmpool=512M", NULL);
	checks("one of another size", "pmpool=1G", "pmpool=1G is not where the pool is");
	checks("one of another place", RESERVED " pmpool=512M@8G", "pmpool=512M@8G is not where");
	checks("two that contradict each other", BOTH " pmpool=512M@8G", "contradict each other");
	checks("pmpool.region= of another place", "pmpool.region=512M@8G",
	       "pmpool.region=512M@8G is not where");
	means("nothing is said, into its like", "ro", true, true);
	means("pmpool= elsewhere: neither is believed", RESERVED " pmpool=512M@8G", true, false);
	means("or over a part of it", RESERVED " pmpool=256M@0x110000000", true, false);
	how = 0;
}

int main(void)
{
	test_compose_to_reserved();
	test_compose();
	test_check();
	test_means();
	test_from_reserved_to_cma();
	test_from_cma();
	return done();
}
