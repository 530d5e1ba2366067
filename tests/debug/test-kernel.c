// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the debug kernel itself has to say: the KUnit tests' results, whether
 * lockdep and kmemleak are still watching, and what kmemleak has found.
 *
 * usage: test-kernel kunit | builtin | start | end
 *
 * kunit is the driver's tests, builtin those of the series as well, with a pool.
 */
#include <sys/mount.h>

#include "debug.h"

#define DEBUGFS		"/sys/kernel/debug"
#define KMEMLEAK	DEBUGFS "/kmemleak"
#define KUNIT_MODULE	"/lib/pmpool_kunit.ko"
#define SHOWN		5
#define KUNIT_RESULTS	DEBUGFS "/kunit"

static const char *const driver_suites[] = { "pmpool-format", "pmpool-hold", "pmpool-space", NULL };
/* With a pool, or what needs one is skipped */
static const char *const series_suites[] = {
	"kexec_e820", "kexec_fdt", "pmpool", "pmpool_e820", "pmpool_fdt", "pmpool_live", NULL
};

/* Once more, by the first of KTAP's lines: "    ok 3 name" and "    not ok 3 name". */
static void suite(const char *name)
{
	static char text[65536];
	unsigned int tests = 0;
	char path[300], *line, *rest;

	snprintf(path, sizeof(path), KUNIT_RESULTS "/%s/results", name);
	if (access(path, F_OK)) {
		check(false, "%s: there is such a suite", name);
		return;
	}
	snprintf(text, sizeof(text), "%s", slurp(path));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		bool passed = !strncmp(line, "    ok ", 7);

		if (passed || !strncmp(line, "    not ok ", 11)) {
			tests++;
			/* What was skipped has not been tested. */
			check(passed && !strstr(line, "# SKIP"), "%s: %s", name, line + strcspn(line, "0123456789"));
		} else if (line[0] == ' ') {
			printf("# %s\n", line);
		}
	}
	check(tests, "%s: %u tests", name, tests);
}

static void suites(const char *const *names)
{
	for (; *names; names++)
		suite(*names);
}

static void test_kunit(bool series)
{
	begin("kunit");
	if (series)
		suites(series_suites);
	check_errno(load_file(KUNIT_MODULE, ""), 0, "loading the driver's tests");
	suites(driver_suites);
	check_errno(syscall(SYS_delete_module, "pmpool_kunit", O_NONBLOCK), 0, "unloading them");
}

static void kmemleak(const char *word)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, word, strlen(word)) < 0) {
		fprintf(stderr, KMEMLEAK ": %s; kmemleak=on on the command line?\n",
			strerror(errno));
		exit(1);
	}
	close(fd);
}

/* What was lost before the tests is not theirs. */
static void test_start(void)
{
	kmemleak("scan=off");
	kmemleak("scan");
	kmemleak("clear");
}

/*
 * A block that is lost in the driver has the driver in its trace; if the module
 * was loaded anew since, its addresses are in no symbol. Everything else that
 * kmemleak suspects is shown and is not ours.
 */
static bool ours(const char *object, const char *end)
{
	static char text[8192];
	char *line, *rest;

	snprintf(text, sizeof(text), "%.*s", (int)(end - object), object);
	if (strstr(text, "[pmpool]"))
		return true;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line + strspn(line, " "), "0xffffffffc", 11))
			return true;
	return false;
}

/* All that it has to say, which is more than one read() gives. */
static const char *read_report(void)
{
	static char text[1 << 20];
	size_t used = 0;
	ssize_t len;
	int fd;

	fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(KMEMLEAK);
	while (used < sizeof(text) - 1 &&
	       (len = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += len;
	close(fd);
	text[used] = '\0';
	return text;
}

static void test_end(void)
{
	const char *report, *at, *next;
	unsigned int found = 0, other = 0;

	begin("leak");
	/* A block counts when nothing refers to it for five seconds. */
	kmemleak("scan");
	sleep(6);
	kmemleak("scan");
	report = read_report();
	for (at = strstr(report, "unreferenced object"); at; at = next) {
		const char *end;

		next = strstr(at + 1, "unreferenced object");
		end = next ?: at + strlen(at);
		if (ours(at, end))
			found++;
		else
			other++;
		for (; found + other <= SHOWN && at < end; at += strcspn(at, "\n") + 1)
			printf("# %.*s\n", (int)strcspn(at, "\n"), at);
	}
	check(!found, "%u blocks lost by the driver, %u by others", found, other);

	check(strstr(slurp("/proc/lockdep_stats"), "debug_locks:") &&
	      strtoul(strstr(slurp("/proc/lockdep_stats"), "debug_locks:") + 12, NULL, 0) == 1,
	      "lockdep has watched to the end");
}

int main(int argc, char **argv)
{
	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL) && errno != EBUSY)
		die("mounting debugfs");
	if (argc == 2 && !strcmp(argv[1], "kunit")) {
		test_kunit(false);
	} else if (argc == 2 && !strcmp(argv[1], "builtin")) {
		test_kunit(true);
	} else if (argc == 2 && !strcmp(argv[1], "start")) {
		test_start();
		return 0;
	} else if (argc == 2 && !strcmp(argv[1], "end")) {
		test_end();
	} else {
		fprintf(stderr, "usage: test-kernel kunit | builtin | start | end\n");
		return 2;
	}
	return done();
}
