// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of what pmpoolctl does on a terminal, which is a pseudo terminal
 * here.
 */
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"
#include "groups.h"
#include "progress.h"
#include "terminal.h"

#define SECOND 1000000000LL

/* Make stderr a terminal of so many columns. Returns its other end. */
static int terminal_begin(unsigned short columns, int *before)
{
	struct winsize size = { .ws_row = 24, .ws_col = columns };
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, &size) < 0) {
		perror("openpty");
		exit(1);
	}
	fcntl(master, F_SETFL, O_NONBLOCK);
	fflush(stderr);
	*before = dup(STDERR_FILENO);
	dup2(slave, STDERR_FILENO);
	close(slave);
	return master;
}

static void terminal_end(int master, int before)
{
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	close(before);
	close(master);
}

/* What was written since the last time. */
static const char *written(int master)
{
	static char text[1024];
	ssize_t got;

	fflush(stderr);
	got = read(master, text, sizeof(text) - 1);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static void later(struct progress *progress, int64_t nanoseconds)
{
	progress->start -= nanoseconds;
	progress->next -= nanoseconds;
}

static void test_progress(void)
{
	struct progress progress;
	const char *text;
	int master, before;

	master = terminal_begin(80, &before);

	progress_begin(&progress, "exporting 'cache'", 100 << 20);
	progress_update(&progress, 10 << 20);
	CHECK(!*written(master), "within the first second");

	later(&progress, 2 * SECOND);
	progress_update(&progress, 50 << 20);
	text = written(master);
	CHECK(strncmp(text, "\rexporting 'cache': 50.0 MiB of 100.0 MiB, 50 %, ", 47) == 0, "%s",
	      text);
	CHECK(strstr(text, "/s, 2 s left"), "%s", text);

	progress_update(&progress, 51 << 20);
	CHECK(!*written(master), "again, at once");

	/* An error message takes the line away, and stands on its own. */
	say("failed");
	text = written(master);
	CHECK(strncmp(text, "\r    ", 5) == 0 && strstr(text, " \rpmpoolctl: failed\r\n"), "%s", text);
	CHECK(strlen(text) > 60);
	say("again");
	CHECK(strcmp(written(master), "pmpoolctl: again\r\n") == 0);

	later(&progress, SECOND);
	progress_update(&progress, 99 << 20);
	CHECK(strstr(written(master), "99.0 MiB"));
	progress_end(&progress);
	text = written(master);
	CHECK(text[0] == '\r' && text[strlen(text) - 1] == '\r' && strspn(text + 1, " ") > 40);
	later(&progress, SECOND);
	progress_update(&progress, 100 << 20);
	progress_end(&progress);
	CHECK(!*written(master), "after the end");
	terminal_end(master, before);

	/* Narrow, and then not a terminal at all. */
	master = terminal_begin(20, &before);
	progress_begin(&progress, "exporting 'cache'", 100 << 20);
	later(&progress, 2 * SECOND);
	progress_update(&progress, 50 << 20);
	text = written(master);
	CHECK(strcmp(text, "\rexporting 'cache': ") == 0, "%s", text);
	progress_end(&progress);
	terminal_end(master, before);
}

static void test_no_terminal(void)
{
	struct progress progress;
	int ends[2];
	int before;

	CHECK(pipe2(ends, O_NONBLOCK) == 0);
	before = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	progress_begin(&progress, "exporting 'cache'", 100);
	later(&progress, 5 * SECOND);
	progress_update(&progress, 50);
	progress_end(&progress);
	CHECK(!*written(ends[0]));
	dup2(before, STDERR_FILENO);
	close(before);
	close(ends[0]);
	close(ends[1]);
}

static void check_line(const char *expected, uint64_t total, uint64_t done, int64_t seconds)
{
	struct progress progress = { .what = "x", .total = total };
	char line[256];

	progress_line(line, sizeof(line), 80, &progress, done, seconds * SECOND);
	CHECK(strcmp(line, expected) == 0, "%s, not %s", line, expected);
}

static void test_line(void)
{
	check_line("x: 1.0 TiB of 2.0 TiB, 50 %, 1.0 GiB/s, 17 min 4 s left", 2ULL << 40, 1ULL << 40,
		   1024);
	check_line("x: 1.0 GiB of 1.0 TiB, 0 %, 1.0 MiB/s, 290 h 59 min left", 1ULL << 40,
		   1ULL << 30, 1024);
	check_line("x: 0 B of 2.0 MiB, 0 %, 0 B/s", 2 << 20, 0, 3);
	/* What grew in the meantime is not more than all. */
	check_line("x: 4 B of 4 B, 100 %, 2 B/s, 0 s left", 4, 5, 2);
	check_line("x: 0 s", 0, 0, 0);
	check_line("x: 59 s", 0, 0, 59);
	check_line("x: 1 min 15 s", 0, 0, 75);
}

static void check_width(const char *columns, unsigned int expected)
{
	int master, before;

	if (columns)
		setenv("COLUMNS", columns, 1);
	else
		unsetenv("COLUMNS");
	master = terminal_begin(97, &before);
	CHECK(terminal_width(STDERR_FILENO) == expected, "%u for COLUMNS=%s",
	      terminal_width(STDERR_FILENO), columns ? columns : "(unset)");
	terminal_end(master, before);
	unsetenv("COLUMNS");
}

static void test_width(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	check_width(NULL, 97);
	check_width("40", 40);
	check_width("", 97);
	check_width("0", 97);
	check_width("-1", 97);
	check_width("x", 97);
	check_width("40x", 97);
	check_width("99999999999999999999", 97);
	CHECK(terminal_width(null) == 80);
	close(null);
}

static void check_color(bool expected, enum color color, const char *no_color, const char *term,
			bool terminal)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int master, before;

	if (no_color)
		setenv("NO_COLOR", no_color, 1);
	if (term)
		setenv("TERM", term, 1);
	else
		unsetenv("TERM");
	master = terminal_begin(80, &before);
	CHECK(terminal_color(color, terminal ? STDERR_FILENO : null) == expected,
	      "color %d, NO_COLOR %s, TERM %s, terminal %d", color, no_color ? no_color : "-",
	      term ? term : "-", terminal);
	terminal_end(master, before);
	unsetenv("NO_COLOR");
	close(null);
}

static void test_color(void)
{
	enum color color;

	check_color(true, COLOR_AUTO, NULL, "xterm", true);
	check_color(true, COLOR_AUTO, "", "xterm", true);
	check_color(false, COLOR_AUTO, NULL, "xterm", false);
	check_color(false, COLOR_AUTO, "1", "xterm", true);
	check_color(false, COLOR_AUTO, NULL, "dumb", true);
	check_color(false, COLOR_AUTO, NULL, NULL, true);
	check_color(true, COLOR_ALWAYS, "1", "dumb", false);
	check_color(false, COLOR_NEVER, NULL, "xterm", true);

	CHECK(!parse_color("auto", &color) && color == COLOR_AUTO);
	CHECK(!parse_color("always", &color) && color == COLOR_ALWAYS);
	CHECK(!parse_color("never", &color) && color == COLOR_NEVER);
	CHECK(parse_color("sometimes", &color));
	CHECK(parse_color("", &color));
}

static void test_utf8(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	CHECK(terminal_utf8());
	setenv("LC_ALL", "C", 1);
	CHECK(!terminal_utf8());
	unsetenv("LC_ALL");
	setenv("LC_CTYPE", "C.UTF-8", 1);
	CHECK(terminal_utf8());
	setenv("LC_CTYPE", "no_SUCH.UTF-8", 1);
	CHECK(!terminal_utf8());
	unsetenv("LC_CTYPE");
}

int main(void)
{
	unsetenv("COLUMNS");
	unsetenv("NO_COLOR");
	unsetenv("LC_ALL");

	run(test_progress, "progress on a terminal");
	run(test_no_terminal, "no progress elsewhere");
	run(test_line, "what progress says");
	run(test_width, "width");
	run(test_color, "colour");
	run(test_utf8, "UTF-8");
	return done();
}
