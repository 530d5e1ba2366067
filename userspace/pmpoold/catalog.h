/* SPDX-License-Identifier: GPL-2.0-only */
/* The catalog: which extents a pool holds, and where. */
#ifndef PMPOOLD_CATALOG_H
#define PMPOOLD_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"
#include "strlist.h"

#define CATALOG_NAME_MAX	63
#define CATALOG_UUID_LEN	16
#define CATALOG_TAG_LEN		16

struct catalog_extent {
	char name[CATALOG_NAME_MAX + 1];
	uint8_t uuid[CATALOG_UUID_LEN];
	uint8_t tag[CATALOG_TAG_LEN];
	uint64_t id;
	uint64_t offset;
	uint64_t size;
	uint64_t generation;	/* the pool's, when it was created */
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
};

struct catalog {
	uint8_t uuid[CATALOG_UUID_LEN];
	uint64_t generation;
	uint64_t base;
	uint64_t size;
	uint64_t metadata_size;
	struct catalog_extent *extents;	/* in the order of their offsets */
	size_t n;
	struct report report;
};

void catalog_free(struct catalog *catalog);
struct catalog *catalog_dup(const struct catalog *catalog);
/* Whether they say the same of the pool; they may have other reports. */
bool catalog_equal(const struct catalog *a, const struct catalog *b);

/* Add a zeroed extent; the pointer is good until the next one is added. */
struct catalog_extent *catalog_add(struct catalog *catalog);

/* NULL: there is none. */
const struct catalog_extent *catalog_by_uuid(const struct catalog *catalog, const uint8_t *uuid);
const struct catalog_extent *catalog_by_name(const struct catalog *catalog, const char *name);

/*
 * Read path. -ENOENT: there is none. Else, on failure *reason is a new string
 * that says what is wrong with it; -EBADMSG: its content is.
 */
int catalog_read(const char *path, struct catalog **catalog, char **reason);

/* The same from memory: a flattened device tree. *reason: what is wrong. */
int catalog_parse(const void *fdt, size_t len, struct catalog **catalog, char **reason);

/* Replace path, atomically and durably. Says what failed. */
int catalog_write(const char *path, const struct catalog *catalog);

/* As a flattened device tree in new memory. */
void *catalog_format(const struct catalog *catalog, size_t *len);

/* As JSON text, in new memory. */
char *catalog_json(const struct catalog *catalog);

/* 36 characters and a NUL. */
#define UUID_STRING_SIZE 37
const char *uuid_string(const uint8_t *uuid, char buf[UUID_STRING_SIZE]);

#endif
