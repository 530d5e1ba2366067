// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of pmpoolctl reserve: where a pool can be, and what the boot loader
 * makes of what is written for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strlist.h>

#include "../../pmpoold/test/kmodule.h"
#include "backings.h"
#include "bootloader.h"
#include "ctl.h"
#include "ram.h"
#include "tap.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static char root[] = "/tmp/test-reserve.XXXXXX";

static void put(const char *path, const char *text)
{
	char *full = xprintf("%s%s", root, path);
	char *slash;
	FILE *f;

	for (slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	free(full);
}

static void drop(const char *path)
{
	char *full = xprintf("%s%s", root, path);

	unlink(full);
	free(full);
}

/* What a shell command prints. */
static char *output(const char *command)
{
	FILE *f = popen(command, "r");
	char *text = xalloc(4096);
	size_t n = f ? fread(text, 1, 4095, f) : 0;

	text[n] = '\0';
	if (!f || pclose(f))
		strcpy(text, "(it failed)");
	return text;
}

static const char small[] =
	"00000000-00000fff : Reserved\n"
	"00001000-0009fbff : System RAM\n"
	"00100000-7fffffff : System RAM\n"
	"  01000000-01ffffff : Kernel code\n";
static const char large[] =
	"00001000-0009fbff : System RAM\n"
	"00100000-bffd9fff : System RAM\n"
	"bffda000-bfffffff : Reserved\n"
	"100000000-43fffffff : System RAM\n"
	"  200000000-20fffffff : Crash kernel\n";
static const char with_pool[] =
	"00001000-0009fbff : System RAM\n"
	"00100000-3fffffff : System RAM\n"
	"40000000-4fffffff : Reserved\n"
	"  40000000-4fffffff : Persistent Memory Pool\n"
	"50000000-7fffffff : System RAM\n";

static const char with_kernels_pool[] =
	"00001000-0009fbff : System RAM\n"
	"00100000-3fffffff : System RAM\n"
	"40000000-4fffffff : Persistent Memory Pool\n"
	"  40000000-4fffffff : Persistent Memory Pool\n"
	"50000000-7fffffff : System RAM\n";

static struct ram read_ram(const char *text, struct region own)
{
	char *path = xprintf("%s/iomem", root);
	struct ram ram;

	put("/iomem", text);
	if (ram_read(path, &own, &ram))
		abort();
	free(path);
	return ram;
}

static void chosen(const char *what, const char *text, struct region own, uint64_t size,
		   uint64_t expected)
{
	struct ram ram = read_ram(text, own);
	struct region region = { 0 }, largest;
	char *wrong = NULL;
	bool found;

	found = ram_choose(&ram, size, &region, &largest);
	if (found)
		wrong = ram_check(&ram, &region);
	ok(found && region.base == expected && region.size == size && !wrong, "%s: %#llx %s", what,
	   (unsigned long long)region.base, wrong ? wrong : "");
	free(wrong);
	ram_free(&ram);
}

static void not_chosen(const char *what, const char *text, uint64_t size, struct region expected)
{
	struct ram ram = read_ram(text, (struct region){ 0 });
	struct region region, largest = { 0 };
	bool found = ram_choose(&ram, size, &region, &largest);
	char *wrong = NULL;

	ok(!found && largest.base == expected.base && largest.size == expected.size,
	   "%s: the largest is %#llx at %#llx", what, (unsigned long long)largest.size,
	   (unsigned long long)largest.base);
	if (largest.size) {
		found = ram_choose(&ram, largest.size, &region, &expected);
		wrong = found ? ram_check(&ram, &region) : NULL;
		ok(found && !wrong, "%s: and that fits", what);
	}
	free(wrong);
	ram_free(&ram);
}

static void refused(const char *text, struct region region, const char *reason)
{
	struct ram ram = read_ram(text, (struct region){ 0 });
	char *wrong = ram_check(&ram, &region);

	ok(wrong && strstr(wrong, reason), "%#llx at %#llx: %s", (unsigned long long)region.size,
	   (unsigned long long)region.base, wrong ? wrong : "accepted");
	free(wrong);
	ram_free(&ram);
}

static void has_pool(const char *what, const char *text, struct region expected)
{
	char *path = xprintf("%s/iomem", root);
	struct region region = { 0 };
	bool found;

	put("/iomem", text);
	found = ram_pool(path, &region);
	ok(found == !!expected.size && region.base == expected.base && region.size == expected.size,
	   "%s: %#llx at %#llx", what, (unsigned long long)region.size,
	   (unsigned long long)region.base);
	free(path);
}

static void test_ram(void)
{
	const struct region none = { 0 }, own = { GIB, 256 * MIB };
	struct ram ram;

	chosen("the top of memory above 4 GiB", large, none, 4 * GIB, 12 * GIB);
	chosen("aligned to 1 GiB, off its end", large, none, 5 * GIB, 11 * GIB);
	chosen("all that is there", large, none, 13 * GIB - 64 * MIB, 4 * GIB);
	chosen("below 4 GiB if need be", small, none, 512 * MIB, GIB);
	chosen("aligned to 128 MiB if need be", small, none, 1280 * MIB, 640 * MIB);
	chosen("what a pool has is memory", with_pool, own, 1024 * MIB - 64 * MIB, GIB);
	not_chosen("more than there is", large, 14 * GIB,
		   (struct region){ 4 * GIB, 13 * GIB - 64 * MIB });
	not_chosen("what leaves too little", small, 1600 * MIB,
		   (struct region){ 448 * MIB + 2 * MIB, 1534 * MIB });
	not_chosen("less than a pool", "00100000-13ffffff : System RAM\n", 4 * MIB, none);

	refused(large, (struct region){ 0, 4 * MIB }, "in the first 256 MiB");
	refused(large, (struct region){ MIB * 1025, 4 * MIB }, "not a multiple of 2 MiB");
	refused(large, (struct region){ 3 * GIB, GIB }, "0xc0000000-0xffffffff is not in one range of System RAM");
	refused(large, (struct region){ 2 * GIB, GIB }, "not in one range");
	refused(large, (struct region){ 16 * GIB, GIB }, "less than 64 MiB before the end of System RAM at 0x440000000");
	refused(small, (struct region){ GIB, 1700 * MIB }, "would leave the system 347.");

	chosen("the kernel's pool is memory too", with_kernels_pool, own, 1024 * MIB - 64 * MIB, GIB);
	has_pool("a pool that the kernel keeps", with_kernels_pool, own);
	has_pool("one that only a driver has", with_pool, none);
	has_pool("none", large, none);
	has_pool("one whose place is hidden", "00000000-00000000 : Persistent Memory Pool\n", none);

	ram = read_ram("00000000-00000000 : System RAM\n", none);
	ok(ram.hidden, "addresses that are hidden");
	ram_free(&ram);
}

static void test_cmdline(void)
{
	struct region region;
	char *line;

	line = cmdline_without("BOOT_IMAGE=/vmlinuz root=/dev/sda1 memmap=1G$4G memmap=4096M$0x100000000 quiet pmpool.region=4G@4G -- memmap=4G$4G",
			       &region);
	ok(!strcmp(line, "root=/dev/sda1 memmap=1G$4G quiet -- memmap=4G$4G") &&
	   region.base == 4 * GIB && region.size == 4 * GIB, "a line without the reservation: %s", line);
	free(line);
	line = cmdline_without("ro memmap=1G$4G", &region);
	ok(!strcmp(line, "ro memmap=1G$4G") && !region.size, "a line that has none: %s", line);
	free(line);
	line = cmdline_without("pmpool=1G ro memmap=4G$4G pmpool=4G@4G pmpool.x=1 -- pmpool=1G", &region);
	ok(!strcmp(line, "ro pmpool.x=1 -- pmpool=1G") && region.base == 4 * GIB &&
	   region.size == 4 * GIB, "one for a kernel that keeps its pool: %s", line);
	free(line);
	line = cmdline_without("pmpool=1G@8G memmap=1G$8G memmap=4G$4G pmpool.region=4G@4G", &region);
	ok(!strcmp(line, "memmap=1G$8G") && region.base == 4 * GIB,
	   "one that contradicts itself: %s", line);
	free(line);
	ok(!cmdline_without("a \"b", &region), "a quote that is not closed");
}

/* Whether some kernel has the backing "cma". */
static bool cma;

static bool planned(struct bootloader *plan, const struct region *region, const char *why_not)
{
	char *why = bootloader_plan(plan, root, region, cma, "BOOT_IMAGE=/x root=/dev/vda quiet");
	bool right = why_not ? why && strstr(why, why_not) : !why;

	if (!right)
		printf("# %s\n", why ? why : "no problem");
	free(why);
	return right;
}

/* Let the plan's files be there; what the commands do is tested apart. */
static int apply(struct bootloader *plan, const char *command)
{
	int status;

	strlist_clear(&plan->commands);
	if (command)
		strlist_add(&plan->commands, "%s", command);
	status = bootloader_apply(plan);
	bootloader_free(plan);
	return status;
}

/* What is said when the last of two commands, the first of which may be NULL, fails. */
static void undone(const char *what, const struct region *region, const char *first,
		   const char *second, const char *expected)
{
	char *path = xprintf("%s/said", root), *grep, *said;
	struct bootloader plan;
	int before, fd, status;

	ok(planned(&plan, region, NULL) && plan.changed, "%s", what);
	strlist_clear(&plan.commands);
	if (first)
		strlist_add(&plan.commands, "%s", first);
	strlist_add(&plan.commands, "%s", second);

	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	before = dup(STDERR_FILENO);
	if (fd < 0 || before < 0 || dup2(fd, STDERR_FILENO) < 0)
		abort();
	status = bootloader_apply(&plan);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd);

	/* What writes files has its own words. */
	grep = xprintf("grep '^pmpoolctl: ' %s", path);
	said = output(grep);
	free(grep);
	free(path);
	ok(status == CTL_FAILED && !strcmp(said, expected), "%s: it is said: %s", what,
	   strcmp(said, expected) ? said : "all");
	free(said);
	bootloader_free(&plan);
}

static void test_undone(void)
{
	const struct region region = { 4 * GIB, 4 * GIB }, other = { 8 * GIB, GIB };
	char *away = xprintf("mv %s/etc/default %s/etc/moved", root, root);
	char *back = xprintf("mv %s/etc/moved %s/etc/default", root, root);
	char *killed = xprintf("sh %s/killed", root);
	struct bootloader plan;
	char *expected;

	put("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\"\n");
	put("/killed", "kill -KILL $$\n");
	ok(planned(&plan, &region, NULL) && apply(&plan, NULL) == CTL_OK, "a reservation");

	undone("a command fails", &other, NULL, "false",
	       "pmpoolctl: false has failed with status 1\n"
	       "pmpoolctl: the boot loader's configuration is as it was\n");
	expected = xprintf("pmpoolctl: %s was ended by signal 9\n"
			   "pmpoolctl: the boot loader's configuration is as it was\n", killed);
	undone("one is killed", &other, NULL, killed, expected);
	free(expected);
	undone("the second one fails", &other, "true", "false",
	       "pmpoolctl: false has failed with status 1\n"
	       "pmpoolctl: run true again\n");

	expected = xprintf("pmpoolctl: %s has failed with status 1\n"
			   "pmpoolctl: cannot put %s/etc/default/grub.d/pmpool.cfg back as it was: No such file or directory; remove 'memmap=', 'pmpool.region=' and 'pmpool=' there by hand\n"
			   "pmpoolctl: run %s again\n", "false", root, away);
	undone("a file can not be put back", &other, away, "false", expected);
	free(expected);
	free(output(back));
	ok(planned(&plan, &region, NULL) && apply(&plan, NULL) == CTL_OK, "by hand it can");

	expected = xprintf("pmpoolctl: %s has failed with status 1\n"
			   "pmpoolctl: cannot put %s/etc/default/grub.d/pmpool.cfg back as it was: No such file or directory; it may have no reservation any more, and pmpoolctl reserve writes one\n"
			   "pmpoolctl: run %s again\n", "false", root, away);
	undone("one without a reservation neither", NULL, away, "false", expected);
	free(expected);
	free(output(back));

	drop("/etc/default/grub.d/pmpool.cfg");
	drop("/etc/default/grub");
	free(killed);
	free(back);
	free(away);
}

/*
 * From /etc/default/grub to the kernel as GRUB does it: grub-mkconfig sources
 * the files with sh and writes the words as they are; in GRUB's script a
 * backslash before a dollar makes it an ordinary one.
 */
static char *what_grub_passes(void)
{
	char *command, *line, *script, *from, *to;
	char *check;

	command = xprintf("cd %s/etc/default; set -e; . ./grub; for x in ./grub.d/*.cfg; do if [ -e \"$x\" ]; then . \"$x\"; fi; done; printf %%s \"$GRUB_CMDLINE_LINUX\"",
			  root);
	line = output(command);
	free(command);

	script = xprintf("menuentry 'x' {\n\tlinux /vmlinuz root=/dev/vda ro %s\n}\n", line);
	put("/grub.cfg", script);
	command = xprintf("grub-script-check %s/grub.cfg && echo good", root);
	check = output(command);
	ok(!strcmp(check, "good\n"), "GRUB's parser takes it");
	free(check);
	free(command);
	free(script);

	for (from = to = line; *from; from++) {
		if (*from == '$') {
			/* A variable that is not set. */
			from += strcspn(from + 1, " ");
			continue;
		}
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return line;
}

static void test_grub(void)
{
	const struct region region = { 4 * GIB, 4 * GIB }, other = { 8 * GIB, 512 * MIB };
	struct bootloader plan;
	char *line;

	ok(planned(&plan, &region, NULL) && !plan.grub && !plan.kernel_cmdline && !plan.n,
	   "no boot loader");
	bootloader_free(&plan);

	put("/etc/default/grub", "GRUB_DEFAULT=0\n# pmpool.region= could be here\nGRUB_CMDLINE_LINUX=\"quiet\"\n");
	put("/etc/default/grub.d/other.cfg", "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX nosmt\"\n");
	ok(planned(&plan, &region, NULL) && plan.grub && plan.changed && plan.n == 1 &&
	   plan.commands.n == 1, "GRUB");
	ok(apply(&plan, NULL) == CTL_OK, "its file is written");
	line = what_grub_passes();
	ok(!strcmp(line, "quiet nosmt memmap=4G$0x100000000 pmpool.region=4G@0x100000000"),
	   "the kernel gets what it should: %s", line);
	free(line);

	ok(planned(&plan, &region, NULL) && !plan.changed, "the same again changes nothing");
	bootloader_free(&plan);
	ok(planned(&plan, &other, NULL) && plan.changed && apply(&plan, NULL) == CTL_OK, "another one");
	line = what_grub_passes();
	ok(!strcmp(line, "quiet nosmt memmap=512M$0x200000000 pmpool.region=512M@0x200000000"),
	   "replaces the first: %s", line);
	free(line);

	ok(planned(&plan, &region, NULL) && apply(&plan, "false") == CTL_FAILED,
	   "update-grub that fails");
	line = what_grub_passes();
	ok(strstr(line, "memmap=512M$0x200000000"), "leaves what was: %s", line);
	free(line);

	cma = true;
	ok(planned(&plan, &other, NULL) && plan.changed && apply(&plan, "false") == CTL_FAILED,
	   "pmpool= as well, and update-grub fails");
	line = what_grub_passes();
	ok(!strcmp(line, "quiet nosmt memmap=512M$0x200000000 pmpool.region=512M@0x200000000"),
	   "leaves what was: %s", line);
	free(line);
	ok(planned(&plan, &region, NULL) && apply(&plan, "true") == CTL_OK, "with pmpool=");
	line = what_grub_passes();
	ok(!strcmp(line, "quiet nosmt memmap=4G$0x100000000 pmpool.region=4G@0x100000000 pmpool=4G@0x100000000"),
	   "the kernel gets all three: %s", line);
	free(line);
	ok(planned(&plan, &region, NULL) && !plan.changed, "and once only");
	bootloader_free(&plan);
	cma = false;

	ok(planned(&plan, NULL, NULL) && plan.changed && apply(&plan, "true") == CTL_OK, "none");
	line = what_grub_passes();
	ok(!strcmp(line, "quiet nosmt"), "takes it away: %s", line);
	free(line);

	put("/etc/default/grub.d/other.cfg", "\nGRUB_CMDLINE_LINUX=\"memmap=1G\\\\\\$1G pmpool.region=1G@1G\"\n");
	ok(planned(&plan, &region, "/etc/default/grub.d/other.cfg has a reservation in line 2: remove"),
	   "one that was written by hand");
	bootloader_free(&plan);
	put("/etc/default/grub.d/other.cfg", "GRUB_CMDLINE_LINUX=\"pmpool=1G\"\n");
	ok(planned(&plan, &region, "/etc/default/grub.d/other.cfg has a reservation in line 1: remove"),
	   "one for kernels that keep their pool");
	bootloader_free(&plan);
	drop("/etc/default/grub.d/other.cfg");
	drop("/etc/default/grub");
}

static void kernel_cmdline(const char *what, const char *before, const struct region *region,
			   const char *expected)
{
	char *path = xprintf("cat %s/etc/kernel/cmdline", root);
	struct bootloader plan;
	char *after;

	if (before)
		put("/etc/kernel/cmdline", before);
	ok(planned(&plan, region, NULL) && plan.kernel_cmdline && apply(&plan, NULL) == CTL_OK,
	   "%s", what);
	after = output(path);
	ok(!strcmp(after, expected), "%s: %.*s", what, (int)strcspn(after, "\n"), after);
	free(after);
	ok(planned(&plan, region, NULL) && !plan.changed, "%s, and once only", what);
	bootloader_free(&plan);
	free(path);
}

static void test_kernel_cmdline(void)
{
	const struct region region = { 4 * GIB, 4 * GIB };
	struct bootloader plan;

	put("/boot/vmlinuz-6.12.1-amd64", "");
	put("/etc/kernel/cmdline", "root=/dev/sda1 ro\n");
	ok(planned(&plan, &region, NULL) && plan.commands.n == 1 &&
	   strstr(plan.commands.v[0], "kernel-install add 6.12.1-amd64 /"), "kernels are installed anew");
	bootloader_free(&plan);

	kernel_cmdline("the line gets the reservation", "root=/dev/sda1 ro\n", &region,
		       "root=/dev/sda1 ro memmap=4G$0x100000000 pmpool.region=4G@0x100000000\n");
	kernel_cmdline("instead of another one", "root=/dev/sda1 memmap=1G$8G pmpool.region=1G@8G ro\n",
		       &region,
		       "root=/dev/sda1 ro memmap=4G$0x100000000 pmpool.region=4G@0x100000000\n");
	kernel_cmdline("and loses it", NULL, NULL, "root=/dev/sda1 ro\n");
	cma = true;
	kernel_cmdline("with pmpool=, instead of another one", "root=/dev/sda1 pmpool=1G ro\n", &region,
		       "root=/dev/sda1 ro memmap=4G$0x100000000 pmpool.region=4G@0x100000000 pmpool=4G@0x100000000\n");
	cma = false;
	kernel_cmdline("without it, when no kernel knows it", NULL, &region,
		       "root=/dev/sda1 ro memmap=4G$0x100000000 pmpool.region=4G@0x100000000\n");
	cma = true;
	kernel_cmdline("and loses all three", "ro memmap=4G$4G pmpool.region=4G@4G pmpool=4G@4G\n", NULL,
		       "ro\n");
	cma = false;

	drop("/etc/kernel/cmdline");
	put("/boot/loader/entries/x.conf", "");
	kernel_cmdline("without a file, the running kernel's", NULL, &region,
		       "root=/dev/vda quiet memmap=4G$0x100000000 pmpool.region=4G@0x100000000\n");
	put("/etc/kernel/cmdline", "root=\"x\n");
	ok(planned(&plan, &region, "/etc/kernel/cmdline has a quote that is not closed"),
	   "a line that can not be understood");
	bootloader_free(&plan);
}

/* backings NULL: no driver. */
static void install(const char *release, const char *backings)
{
	char *path = xprintf("%s/lib/modules/%s/updates/pmpool.ko", root, release);
	char *place = xprintf("/lib/modules/%s/updates/pmpool.ko", release);
	char *command;
	struct kmodule m;
	char info[512];
	int len, fd;

	/* Makes the directories. */
	put(place, "");
	if (!backings) {
		drop(place);
	} else {
		len = snprintf(info, sizeof(info), "name=pmpool%cvermagic=%s SMP %c%s%c", 0, release,
			       0, backings, 0);
		kmodule(&m, info, (size_t)len);
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		if (fd < 0 || write(fd, &m, sizeof(m)) != (ssize_t)sizeof(m))
			abort();
		close(fd);
	}
	command = xprintf("PATH=$PATH:/usr/sbin:/sbin depmod -b %s %s 2>/dev/null", root, release);
	free(output(command));
	free(command);
	free(place);
	free(path);
}

static void test_backings(void)
{
	ok(!backings_cma_anywhere(root), "no kernels, no backings");
	install("6.12.1-amd64", NULL);
	install("6.12.2-amd64", "license=GPL");
	install("6.12.3-amd64", "pmpool_backings=reserved");
	ok(!backings_cma_anywhere(root), "no driver, one of old, and one for the reserved one");
	install("6.12.0-series", "pmpool_backings=reserved cma");
	ok(backings_cma(root, "6.12.0-series") && !backings_cma(root, "6.12.3-amd64") &&
	   !backings_cma(root, "6.12.2-amd64") && !backings_cma(root, "6.12.1-amd64") &&
	   !backings_cma(root, "6.99"), "one of the five has the backing cma");
	ok(backings_cma_anywhere(root), "which is enough");
}

int main(void)
{
	char *command;

	if (!mkdtemp(root))
		abort();
	test_ram();
	test_cmdline();
	test_grub();
	test_undone();
	test_kernel_cmdline();
	test_backings();
	command = xprintf("rm -r %s", root);
	free(output(command));
	free(command);
	return done();
}
