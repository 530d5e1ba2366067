// SPDX-License-Identifier: GPL-2.0-only
/*
 * Being interrupted in long work: it ends at the next block, is cleaned up
 * after, and then the signal does what it would have done.
 */
#include <signal.h>
#include <string.h>

#include "ctl.h"

static volatile sig_atomic_t signal_seen;

static void note_signal(int number)
{
	signal_seen = number;
}

void interrupt_watch(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	/* Not SA_RESTART: who waits for a pipe hears of it. */
	struct sigaction action = { .sa_handler = note_signal };
	struct sigaction old;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		/* nohup stays nohup */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

bool interrupted(void)
{
	return signal_seen;
}

int interrupt_end(int status)
{
	if (signal_seen) {
		signal(signal_seen, SIG_DFL);
		raise(signal_seen);
	}
	return status;
}
