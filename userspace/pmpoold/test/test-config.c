// SPDX-License-Identifier: GPL-2.0-only
/* pmpoold.conf: what is understood, and what is complained about. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "tap.h"

static bool equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void read_text(struct config *c, const char *text, struct strlist *problems)
{
	char path[] = "/tmp/test-config-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
	config_read(c, path, problems);
	unlink(path);
}

static void reads(const char *what, const char *text, const char *kernel, const char *initrd,
		  const char *append, const char *cmdline, const char *problem)
{
	struct strlist problems = { 0 };
	struct config c;

	read_text(&c, text, &problems);
	ok(equal(c.kernel, kernel) && equal(c.initrd, initrd) && equal(c.append, append) &&
	   equal(c.cmdline, cmdline) &&
	   (problem ? problems.n == 1 && strstr(problems.v[0], problem) : !problems.n),
	   "%s%s%s", what, problems.n ? ": " : "", problems.n ? problems.v[0] : "");
	config_clear(&c);
	strlist_clear(&problems);
}

int main(void)
{
	struct strlist problems = { 0 };
	struct config c;

	reads("an empty file", "", NULL, NULL, NULL, NULL, NULL);
	reads("comments, empty lines, space", "# a\n\n ; b\n  Kernel = /boot/k  \n", "/boot/k",
	      NULL, NULL, NULL, NULL);
	reads("everything, no newline at the end",
	      "Kernel=/k\nInitrd=none\nAppend=a=\"b c\" # d\nCommandLine=x=y z", "/k", "none",
	      "a=\"b c\" # d", "x=y z", NULL);
	reads("the last one counts", "Append=a\nAppend=b\n", NULL, NULL, "b", NULL, NULL);
	reads("an empty one resets", "Append=a\nAppend=\n", NULL, NULL, NULL, NULL, NULL);
	reads("lines of DOS", "Kernel=/k\r\nInitrd=/i\r\n", "/k", "/i", NULL, NULL, NULL);
	reads("an unknown setting", "Kernal=/k\n", NULL, NULL, NULL, NULL,
	      ":1: there is no setting \"Kernal\"");
	reads("no setting at all", "\nhello\n", NULL, NULL, NULL, NULL,
	      ":2: \"hello\" is not KEY=VALUE");
	reads("a relative path", "Kernel=vmlinuz\n", NULL, NULL, NULL, NULL,
	      "Kernel=vmlinuz is not an absolute path");
	reads("none is for an initrd", "Kernel=none\n", NULL, NULL, NULL, NULL,
	      "not an absolute path");
	reads("a wrong amount to lend", "Lend=much\n", NULL, NULL, NULL, NULL,
	      ":1: Lend=much: it is \"auto\"");
	reads("a wrong headroom", "Lend=auto\nLendHeadroom=200%\n", NULL, NULL, NULL, NULL,
	      ":2: LendHeadroom=200%: it is a size");
	reads("what is right is used", "zzz\nAppend=a\n", NULL, NULL, "a", NULL, "KEY=VALUE");

	config_read(&c, "/nonexistent/pmpoold.conf", &problems);
	ok(!problems.n && !c.kernel, "there need not be one");
	read_text(&c, "Lend=auto\nLendHeadroom=5%\nLend=10%\n", &problems);
	ok(problems.n == 1 && !c.lend && !strcmp(c.headroom, "5%"),
	   "of an amount to lend the last one counts, also a wrong one: %s",
	   problems.n ? problems.v[0] : "taken");
	config_clear(&c);
	strlist_clear(&problems);
	config_read(&c, "/etc", &problems);
	ok(problems.n == 1 && strstr(problems.v[0], "/etc cannot be read: Is a directory"),
	   "one that cannot be read");
	strlist_clear(&problems);
	return done();
}
