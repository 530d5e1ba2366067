/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon on the system bus: org.pmpool1. */
#ifndef PMPOOLD_BUS_H
#define PMPOOLD_BUS_H

struct bus;
struct daemon;

/* What has changed, for those who follow the properties. */
enum {
	BUS_POOL = 1 << 0,	/* the pool or its extents */
	BUS_ATTACHED = 1 << 1,	/* it was attached, and compared with the catalog */
	BUS_DIFFERENCES = 1 << 2,	/* they were accepted */
	BUS_DECLARED = 1 << 3,	/* what is wrong with declared extents */
	BUS_STAGED = 1 << 4,	/* there is a new verdict */
};

/* Be on the bus from when there is one on: at once, later or never. */
struct bus *bus_new(struct daemon *d);
void bus_free(struct bus *bus);

/* bus may be NULL. */
void bus_changed(struct bus *bus, unsigned int what);

#endif
