// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: sysfs
 *
 * What is in the pool, for people and scripts: one value a file, changed by
 * nobody but the ioctls. Documentation/ABI/testing/sysfs-class-pmpool describes
 * each file.
 */
#include <linux/cleanup.h>
#include <linux/sysfs.h>

#include "internal.h"

static struct pmpool *to_pool(struct device *dev)
{
	struct miscdevice *misc = dev_get_drvdata(dev);

	return container_of(misc, struct pmpool, misc);
}

#define POOL_ATTR(_name, _format, ...)						\
	POOL_ATTR_LOOK(_name, (void)pool, _format, __VA_ARGS__)

/* Of which users inside the kernel have some, who come and go. */
#define SPACE_ATTR(_name, _format, ...)						\
	POOL_ATTR_LOOK(_name, pmpool_held_look(pool), _format, __VA_ARGS__)

#define POOL_ATTR_LOOK(_name, _look, _format, ...)				\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr,	\
			    char *buf)						\
{										\
	struct pmpool *pool = to_pool(dev);					\
										\
	_look;									\
	guard(rwsem_read)(&pool->lock);						\
	return sysfs_emit(buf, _format "\n", __VA_ARGS__);			\
}										\
static DEVICE_ATTR_RO(_name)

static u64 pool_free(struct pmpool *pool, bool largest)
{
	u64 all, run;

	lockdep_assert_held(&pool->lock);

	pmpool_space_free(&pool->space, &all, &run);
	return (largest ? run : all) << PMPOOL_FORMAT_BLOCK_SHIFT;
}

static const char *pool_state(const struct pmpool *pool)
{
	switch (pool->state) {
	case PMPOOL_STATE_OK:
		return "ok";
	case PMPOOL_STATE_READ_ONLY:
		return "read-only";
	case PMPOOL_STATE_DEGRADED:
		return "degraded";
	}
	return "unknown";
}

POOL_ATTR(uuid, "%pUb", pool->format.super.uuid);
POOL_ATTR(size, "%llu", pool->region.size);
POOL_ATTR(metadata_size, "%llu", pool->format.meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT);
POOL_ATTR(block_size, "%llu", PMPOOL_FORMAT_BLOCK_SIZE);
SPACE_ATTR(free, "%llu", pool_free(pool, false));
SPACE_ATTR(largest_free, "%llu", pool_free(pool, true));
POOL_ATTR(lent, "%llu", pmpool_lent(pool, NULL));
SPACE_ATTR(held, "%llu", pmpool_space_blocks(&pool->space, PMPOOL_SPACE_HELD) <<
			 PMPOOL_FORMAT_BLOCK_SHIFT);
POOL_ATTR(extents, "%u", pool->extents);
POOL_ATTR(max_extents, "%u", PMPOOL_FORMAT_SLOTS);
POOL_ATTR(damaged, "%u", pool->damaged + pool->damaged_holds);
POOL_ATTR(generation, "%llu", pool->format.super.generation);
POOL_ATTR(clean, "%u", pool->was_clean);
POOL_ATTR(state, "%s", pool_state(pool));
POOL_ATTR(backing, "%s", pool->region.ops->name);
POOL_ATTR(format_version, "%u", PMPOOL_FORMAT_VERSION);

/* Where memory lies helps an attacker, so root only, as for PCI resources. */
static ssize_t resource_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pmpool_region *region = &to_pool(dev)->region;

	return sysfs_emit(buf, "%#llx-%#llx\n", (u64)region->base,
			  (u64)region->base + region->size - 1);
}
static DEVICE_ATTR_ADMIN_RO(resource);

static struct attribute *pmpool_attrs[] = {
	&dev_attr_uuid.attr,
	&dev_attr_size.attr,
	&dev_attr_metadata_size.attr,
	&dev_attr_block_size.attr,
	&dev_attr_free.attr,
	&dev_attr_largest_free.attr,
	&dev_attr_lent.attr,
	&dev_attr_held.attr,
	&dev_attr_extents.attr,
	&dev_attr_max_extents.attr,
	&dev_attr_damaged.attr,
	&dev_attr_generation.attr,
	&dev_attr_clean.attr,
	&dev_attr_state.attr,
	&dev_attr_backing.attr,
	&dev_attr_format_version.attr,
	&dev_attr_resource.attr,
	NULL
};

static const struct attribute_group pmpool_group = {
	.attrs = pmpool_attrs,
};

const struct attribute_group *pmpool_groups[] = {
	&pmpool_group,
	NULL
};

/*
 * An extent's attributes have names that a pool's have too, so theirs are
 * struct device_attributes called extent_attr_*.
 */
#define EXTENT_ATTR(_name, _format, ...)					\
static ssize_t extent_##_name##_show(struct device *dev,			\
				     struct device_attribute *attr, char *buf)	\
{										\
	struct pmpool_extent *ext = container_of(dev, struct pmpool_extent, dev);	\
										\
	guard(rwsem_read)(&ext->pool->lock);					\
	return sysfs_emit(buf, _format "\n", __VA_ARGS__);			\
}										\
static struct device_attribute extent_attr_##_name =				\
	__ATTR(_name, 0444, extent_##_name##_show, NULL)

EXTENT_ATTR(id, "%llu", ext->record.id);
EXTENT_ATTR(uuid, "%pUb", ext->record.uuid);
EXTENT_ATTR(offset, "%llu", pmpool_extent_offset(ext));
EXTENT_ATTR(size, "%llu", ext->record.length);
EXTENT_ATTR(uid, "%u", ext->record.uid);
EXTENT_ATTR(gid, "%u", ext->record.gid);
EXTENT_ATTR(mode, "%04o", ext->record.mode);
EXTENT_ATTR(tag, "%*phN", PMPOOL_TAG_SIZE, ext->record.tag);
EXTENT_ATTR(clean, "%u", ext->record.clean);
EXTENT_ATTR(was_clean, "%u", ext->was_clean);
EXTENT_ATTR(first_open, "%llu", ext->first_open);
EXTENT_ATTR(generation, "%llu", ext->record.generation);
EXTENT_ATTR(mappings, "%u", ext->mappings);

static struct attribute *extent_attrs[] = {
	&extent_attr_id.attr,
	&extent_attr_uuid.attr,
	&extent_attr_offset.attr,
	&extent_attr_size.attr,
	&extent_attr_uid.attr,
	&extent_attr_gid.attr,
	&extent_attr_mode.attr,
	&extent_attr_tag.attr,
	&extent_attr_clean.attr,
	&extent_attr_was_clean.attr,
	&extent_attr_first_open.attr,
	&extent_attr_generation.attr,
	&extent_attr_mappings.attr,
	NULL
};

static const struct attribute_group extent_group = {
	.attrs = extent_attrs,
};

const struct attribute_group *pmpool_extent_groups[] = {
	&extent_group,
	NULL
};
