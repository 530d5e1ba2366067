/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon on the system bus: org.pmpool1. */
#ifndef PMPOOLD_BUS_H
#define PMPOOLD_BUS_H

#define BUS_NAME	"org.pmpool1"
#define BUS_PATH	"/org/pmpool1"
#define BUS_INTERFACE	"org.pmpool1.Manager"

struct bus;
struct daemon;

/* What has changed, for those who follow the properties. */
enum {
	BUS_POOL = 1 << 0,	/* the pool or its extents */
	BUS_ATTACHED = 1 << 1,	/* it was attached, and compared with the catalog */
	BUS_DIFFERENCES = 1 << 2,	/* they were accepted */
	BUS_STAGED = 1 << 3,	/* there is a new verdict */
};

/* Be on the bus from when there is one on: at once, later or never. */
struct bus *bus_new(struct daemon *d);
void bus_free(struct bus *bus);

/* bus may be NULL. */
void bus_changed(struct bus *bus, unsigned int what);

#endif
