// SPDX-License-Identifier: GPL-2.0-only
/* The next kernel's command line: made, repaired, refused. */
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"
#include "tap.h"

static const struct region pool = { 0x100000000, 512ULL << 20 };

#define RESERVED "memmap=512M$0x100000000 pmpool.region=512M@0x100000000"

static void composes(const char *what, const char *current, const char *append, const char *want)
{
	struct strlist notes = { 0 }, problems = { 0 };
	char *got = cmdline_compose(current, append, &pool, &notes, &problems);

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
	char *got = cmdline_compose(current, append, &pool, &notes, &problems);

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

	cmdline_check(cmdline, &pool, max, &notes, &problems);
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

	once = cmdline_compose("BOOT_IMAGE=x ro -- 3", "quiet panic=5", &pool, &notes, &problems);
	twice = cmdline_compose(once, "quiet panic=5", &pool, &notes, &problems);
	ok(!strcmp(once, twice), "compose: does not grow from kexec to kexec");
	free(once);
	free(twice);
	ok(!notes.n && !problems.n, "compose: nothing to tell about an ordinary one");

	s = cmdline_compose("memmap=256M$0x100000000 pmpool.region=1G@4G", NULL, &pool, &notes,
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
	struct cmdline_means m = cmdline_check(cmdline, &pool, 100, &notes, &problems);

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

int main(void)
{
	test_compose();
	test_check();
	test_means();
	return done();
}
