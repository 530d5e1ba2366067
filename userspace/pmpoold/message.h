/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon knows, as a part of messages. Negative: sd-bus says so. */
#ifndef PMPOOLD_MESSAGE_H
#define PMPOOLD_MESSAGE_H

#include <systemd/sd-bus.h>

#include "catalog.h"
#include "handover.h"
#include "status.h"

/* "" for NULL. */
const char *or_empty(const char *s);

int append_strings(sd_bus_message *m, const struct strlist *list);	/* as */
int append_checks(sd_bus_message *m, const struct staged *staged);	/* a(sbs) */
int append_extent(sd_bus_message *m, const struct catalog_extent *e);	/* a{sv} */
int append_handover(sd_bus_message *m, const struct handover *h);	/* a{sv} */
int append_verdict(sd_bus_message *m, const struct staged *staged);	/* a{sv} */

/* Answer call with that. */
int reply_verdict(sd_bus_message *call, const struct staged *staged);

#endif
