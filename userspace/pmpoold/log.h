/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages: to standard error, one a line, with the priority in front when the
 * journal reads them.
 */
#ifndef PMPOOLD_LOG_H
#define PMPOOLD_LOG_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

static inline __attribute__((format(printf, 2, 3)))
void log_line(const char *prefix, const char *fmt, ...)
{
	static int journal = -1;
	va_list ap;

	if (journal < 0)
		journal = getenv("JOURNAL_STREAM") ? 1 : 0;
	/* pmpoolctl shares some of the code. */
	if (journal)
		fputs(prefix, stderr);
	else
		fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

#define log_err(...)		log_line(SD_ERR, __VA_ARGS__)
#define log_warning(...)	log_line(SD_WARNING, __VA_ARGS__)
#define log_notice(...)		log_line(SD_NOTICE, __VA_ARGS__)
#define log_info(...)		log_line(SD_INFO, __VA_ARGS__)

#endif
