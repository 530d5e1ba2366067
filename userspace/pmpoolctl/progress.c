// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far a long piece of work is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "progress.h"
#include "terminal.h"

#define SECOND	1000000000LL
#define DELAY	SECOND
#define PERIOD	(SECOND / 5)

/* Columns that are in use on the terminal; there is one line at most. */
static unsigned int shown;

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){
		.what = what,
		.total = total,
		.start = now(),
		.visible = isatty(STDERR_FILENO),
	};
	progress->next = progress->start + DELAY;
}

/* "12 s", "3 min 5 s", "2 h 10 min" */
static void format_seconds(char *to, size_t len, uint64_t seconds)
{
	if (seconds < 60)
		snprintf(to, len, "%" PRIu64 " s", seconds);
	else if (seconds < 3600)
		snprintf(to, len, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
	else
		snprintf(to, len, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			 seconds / 60 % 60);
}

void progress_line(char *to, size_t len, unsigned int width, const struct progress *progress,
		   uint64_t done, int64_t elapsed)
{
	double seconds = (double)elapsed / SECOND;
	char size[SIZE_TEXT], total[SIZE_TEXT], speed[SIZE_TEXT];
	char left[48] = "";
	double rate;

	if (!progress->total) {
		format_seconds(left, sizeof(left), (uint64_t)seconds);
		snprintf(to, len, "%s: %s", progress->what, left);
	} else {
		if (done > progress->total)
			done = progress->total;
		rate = seconds > 0 ? (double)done / seconds : 0;
		if (rate >= 1) {
			strcpy(left, ", ");
			format_seconds(left + 2, sizeof(left) - 2,
				       (uint64_t)((double)(progress->total - done) / rate + 0.5));
			strcat(left, " left");
		}
		snprintf(to, len, "%s: %s of %s, %u %%, %s/s%s", progress->what,
			 format_size(size, done, false),
			 format_size(total, progress->total, false),
			 (unsigned int)((double)done * 100 / (double)progress->total),
			 format_size(speed, (uint64_t)rate, false), left);
	}

	/* In the last column the terminal would begin a new line. */
	if (width && strlen(to) >= width)
		to[width - 1] = '\0';
}

void progress_update(struct progress *progress, uint64_t done)
{
	unsigned int before = shown;
	char line[256];
	int64_t time;

	if (!progress->visible)
		return;
	time = now();
	if (time < progress->next)
		return;
	progress->next = time + PERIOD;

	progress_line(line, sizeof(line), terminal_width(STDERR_FILENO), progress, done,
		      time - progress->start);
	shown = (unsigned int)strlen(line);
	/* Blanks over what the line before had more. */
	fprintf(stderr, "\r%s%*s", line, before > shown ? (int)(before - shown) : 0, "");
	fflush(stderr);
	if (before > shown)
		shown = before;
}

void progress_hide(void)
{
	if (!shown)
		return;
	fprintf(stderr, "\r%*s\r", (int)shown, "");
	fflush(stderr);
	shown = 0;
}

void progress_end(struct progress *progress)
{
	progress->visible = false;
	progress_hide();
}
