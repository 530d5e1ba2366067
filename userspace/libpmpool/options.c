// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How to create an extent. A noun of its own, so that a later option needs no
 * later pmpool_create().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct pmpool_options {
	mode_t mode;
	uint64_t align;
	uint8_t tag[PMPOOL_TAG_SIZE];
};

static const struct pmpool_options defaults = { .mode = 0600 };

PMPOOL_API int pmpool_options_new(struct pmpool_options **options)
{
	struct pmpool_options *new;

	new = malloc(sizeof(*new));
	if (!new)
		return -ENOMEM;

	*new = defaults;
	*options = new;
	return 0;
}

PMPOOL_API void pmpool_options_free(struct pmpool_options *options)
{
	free(options);
}

PMPOOL_API void pmpool_options_set_mode(struct pmpool_options *options, mode_t mode)
{
	options->mode = mode;
}

PMPOOL_API void pmpool_options_set_align(struct pmpool_options *options, uint64_t align)
{
	options->align = align;
}

PMPOOL_API int pmpool_options_set_tag(struct pmpool_options *options, const void *tag, size_t len)
{
	if (len > sizeof(options->tag))
		return -EINVAL;

	memset(options->tag, 0, sizeof(options->tag));
	if (len)
		memcpy(options->tag, tag, len);
	return 0;
}

void pmpool_options_to_uapi(const struct pmpool_options *options, struct pmpool_create *uapi)
{
	if (!options)
		options = &defaults;

	uapi->mode = options->mode;
	uapi->align = options->align;
	memcpy(uapi->tag, options->tag, sizeof(uapi->tag));
}
