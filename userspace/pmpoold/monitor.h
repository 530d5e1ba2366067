/* SPDX-License-Identifier: GPL-2.0-only */
/* The pool's devices as they come and go. */
#ifndef PMPOOLD_MONITOR_H
#define PMPOOLD_MONITOR_H

#include <systemd/sd-event.h>

struct monitor;

/*
 * Call changed, from the loop, after the pool's device or one of its extents
 * has come, gone or changed: once for all the events that were there.
 */
int monitor_new(sd_event *event, void (*changed)(void *userdata), void *userdata,
		struct monitor **monitor);
void monitor_free(struct monitor *monitor);

#endif
