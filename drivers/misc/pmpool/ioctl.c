// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: files and ioctls
 *
 * Two kinds of file: /dev/pmpool, through which extents are made, found and
 * granted, and /dev/pmpool-extents/NAME, which is one extent. The ioctls are
 * dispatched by one table; see <linux/pmpool.h> for the rules all of them obey.
 */
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * struct pmpool_file - an open /dev/pmpool
 * @pool: it is of
 * @grants: by extent id: PMPOOL_OPEN_READ, PMPOOL_OPEN_WRITE. Ids are never
 *	used again, so what is left of a removed extent grants nothing
 */
struct pmpool_file {
	struct pmpool *pool;
	struct xarray grants;
};

/**
 * struct pmpool_call - one ioctl under way
 * @pool: it is for
 * @file: it came through
 * @ext: whose file that is, or NULL for /dev/pmpool
 * @user: where the caller's struct is
 * @user_size: how long the caller's struct is
 * @arg: the struct, as this kernel knows it; what is beyond @user_size is zero
 * @op: what the table says of the command
 */
struct pmpool_call {
	struct pmpool *pool;
	struct file *file;
	struct pmpool_extent *ext;
	void __user *user;
	u32 user_size;
	union {
		u32 flags[2];	/* every struct: size, flags */
		struct pmpool_info info;
		struct pmpool_create create;
		struct pmpool_open open;
		struct pmpool_remove remove;
		struct pmpool_next next;
	} arg;
	const struct pmpool_op *op;
};

/**
 * struct pmpool_op - an ioctl
 * @cmd: its number
 * @min_size: of the struct in the first version of the interface
 * @size: of the struct that this kernel knows
 * @flags: that this kernel knows
 * @on_extent: it works on an extent's own file
 * @run: does it; the result is in call->arg, and copied out afterwards
 */
struct pmpool_op {
	unsigned int cmd;
	u32 min_size;
	u32 size;
	u32 flags;
	bool on_extent;
	int (*run)(struct pmpool_call *call);
};

static int call_copy_out(struct pmpool_call *call)
{
	return copy_to_user(call->user, &call->arg, min(call->user_size, call->op->size)) ?
	       -EFAULT : 0;
}

static int pmpool_do_info(struct pmpool_call *call)
{
	struct pmpool_info *info = &call->arg.info;
	struct pmpool *pool = call->pool;
	const struct pmpool_super *sb = &pool->format.super;
	u32 size = info->size;
	u64 free, largest;

	guard(rwsem_read)(&pool->lock);

	pmpool_space_free(&pool->space, &free, &largest);
	*info = (struct pmpool_info){
		.size = size,
		.abi_version = PMPOOL_ABI_VERSION,
		.format_version = PMPOOL_FORMAT_VERSION,
		.compat = sb->compat,
		.ro_compat = sb->ro_compat,
		.incompat = sb->incompat,
		.pool_size = pool->region.size,
		.metadata_size = pool->format.meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT,
		.block_size = PMPOOL_FORMAT_BLOCK_SIZE,
		.free = free << PMPOOL_FORMAT_BLOCK_SHIFT,
		.largest_free = largest << PMPOOL_FORMAT_BLOCK_SHIFT,
		.extents = pool->extents,
		.max_extents = PMPOOL_FORMAT_SLOTS,
		.generation = sb->generation,
		.state = pool->state,
		.backing = pool->region.ops->id,
		.was_clean = pool->was_clean,
		.format_time = sb->format_time,
		.attach_time = sb->attach_time,
		.handover_time = pool->previous_handover,
		.base = capable(CAP_SYS_ADMIN) ? pool->region.base : 0,
	};
	memcpy(info->uuid, sb->uuid, sizeof(info->uuid));
	return 0;
}

static int pmpool_do_create(struct pmpool_call *call)
{
	struct pmpool_create *arg = &call->arg.create;
	struct pmpool *pool = call->pool;
	struct pmpool_extent *ext;
	int ret;

	if (!(call->file->f_mode & FMODE_WRITE))
		return -EBADF;

	ret = pmpool_extent_check(pool, arg);
	if (ret)
		return ret;

	if (mutex_lock_killable(&pool->admin))
		return -EINTR;

	ext = pmpool_extent_prepare(pool, arg);
	if (IS_ERR(ext)) {
		ret = PTR_ERR(ext);
		goto unlock;
	}

	/* Told before it exists: a caller that can not be told has not made it. */
	arg->id = ext->record.id;
	arg->offset = pmpool_extent_offset(ext);
	ret = call_copy_out(call);
	if (ret)
		pmpool_extent_abort(ext);
	else
		pmpool_extent_commit(ext);

unlock:
	mutex_unlock(&pool->admin);
	return ret;
}

/* As the VFS decides for a file of that owner, group and mode. */
static bool may_open(const struct pmpool_record *rec, u32 flags)
{
	u32 mode = rec->mode;
	u32 want = flags & PMPOOL_OPEN_WRITE ? 06 : 04;

	if (uid_eq(current_fsuid(), make_kuid(&init_user_ns, rec->uid)))
		mode >>= 6;
	else if (in_group_p(make_kgid(&init_user_ns, rec->gid)))
		mode >>= 3;

	return (mode & want) == want || capable(CAP_DAC_OVERRIDE);
}

static int grant(struct pmpool_file *pf, u64 id, u32 flags)
{
	void *old = xa_load(&pf->grants, id);

	if (old)
		flags |= xa_to_value(old);
	return xa_err(xa_store(&pf->grants, id, xa_mk_value(flags), GFP_KERNEL));
}

static int pmpool_do_open(struct pmpool_call *call)
{
	struct pmpool_open *arg = &call->arg.open;
	struct pmpool_file *pf = call->file->private_data;
	struct pmpool *pool = call->pool;
	struct pmpool_extent *ext;
	int ret;

	guard(rwsem_write)(&pool->lock);

	if (call->ext) {
		if (arg->flags || arg->id || memchr_inv(arg->name, 0, sizeof(arg->name)))
			return -EINVAL;
		ext = call->ext;
		if (!ext->live)
			return -ENODEV;
		pmpool_extent_describe(ext, &arg->info);
		return 0;
	}

	ext = pmpool_extent_lookup(pool, arg->id, arg->name);
	if (IS_ERR(ext))
		return PTR_ERR(ext);

	if (arg->flags) {
		if (!may_open(&ext->record, arg->flags))
			return -EACCES;
		if (arg->flags & PMPOOL_OPEN_WRITE) {
			if (!(call->file->f_mode & FMODE_WRITE))
				return -EBADF;
			if (pool->state == PMPOOL_STATE_READ_ONLY)
				return -EROFS;
		}
		ret = grant(pf, ext->record.id, arg->flags);
		if (ret)
			return ret;
	}

	pmpool_extent_describe(ext, &arg->info);
	return 0;
}

static int pmpool_do_remove(struct pmpool_call *call)
{
	struct pmpool_remove *arg = &call->arg.remove;
	struct pmpool *pool = call->pool;
	int ret;

	if (mutex_lock_killable(&pool->admin))
		return -EINTR;
	ret = pmpool_extent_remove(pool, arg->id, arg->name);
	mutex_unlock(&pool->admin);
	return ret;
}

static int pmpool_do_next(struct pmpool_call *call)
{
	struct pmpool_next *arg = &call->arg.next;
	struct pmpool *pool = call->pool;
	const struct pmpool_run *run;
	u64 block;

	guard(rwsem_read)(&pool->lock);

	/* The cursor is the first block that was not told of yet. */
	for (block = arg->cursor;; block = run->first + run->blocks) {
		run = pmpool_space_from(&pool->space, block);
		if (!run)
			return -ENOENT;
		if (run->first >= arg->cursor && pool->slots[run->slot])
			break;
	}

	pmpool_extent_describe(pool->slots[run->slot], &arg->info);
	arg->cursor = run->first + 1;
	return 0;
}

/* min_size: up to and with the last member of the interface's first version. */
#define OP(_cmd, _run, _struct, _last, _flags, ...)			\
	[_IOC_NR(_cmd) - PMPOOL_CMD_BASE] = {				\
		.cmd = _cmd,						\
		.min_size = offsetofend(struct _struct, _last),		\
		.size = sizeof(struct _struct),				\
		.flags = _flags,					\
		.run = _run,						\
		__VA_ARGS__						\
	}

static const struct pmpool_op pmpool_ops[] = {
	OP(PMPOOL_INFO, pmpool_do_info, pmpool_info, base, 0),
	OP(PMPOOL_CREATE, pmpool_do_create, pmpool_create, offset, 0),
	OP(PMPOOL_OPEN, pmpool_do_open, pmpool_open, info,
	   PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, .on_extent = true),
	OP(PMPOOL_REMOVE, pmpool_do_remove, pmpool_remove, name, 0),
	OP(PMPOOL_NEXT, pmpool_do_next, pmpool_next, info, 0),
};

static long pmpool_dispatch(struct pmpool_call *call, unsigned int cmd, unsigned long user)
{
	unsigned int nr = _IOC_NR(cmd) - PMPOOL_CMD_BASE;
	int ret;

	if (nr >= ARRAY_SIZE(pmpool_ops) || pmpool_ops[nr].cmd != cmd)
		return -ENOTTY;
	call->op = &pmpool_ops[nr];
	if (call->ext && !call->op->on_extent)
		return -ENOTTY;

	call->user = (void __user *)user;
	if (get_user(call->user_size, (u32 __user *)call->user))
		return -EFAULT;
	if (call->user_size < call->op->min_size)
		return -EINVAL;

	ret = copy_struct_from_user(&call->arg, call->op->size, call->user, call->user_size);
	if (ret)
		return ret;
	if (call->arg.flags[1] & ~call->op->flags)
		return -EOPNOTSUPP;

	ret = call->op->run(call);
	return ret ?: call_copy_out(call);
}

static int pmpool_file_open(struct inode *inode, struct file *file)
{
	struct miscdevice *misc = file->private_data;
	struct pmpool_file *pf;

	pf = kzalloc(sizeof(*pf), GFP_KERNEL);
	if (!pf)
		return -ENOMEM;

	pf->pool = container_of(misc, struct pmpool, misc);
	xa_init(&pf->grants);
	file->private_data = pf;
	return nonseekable_open(inode, file);
}

static int pmpool_file_release(struct inode *inode, struct file *file)
{
	struct pmpool_file *pf = file->private_data;

	xa_destroy(&pf->grants);
	kfree(pf);
	return 0;
}

static long pmpool_file_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct pmpool_file *pf = file->private_data;
	struct pmpool_call call = { .pool = pf->pool, .file = file };

	return pmpool_dispatch(&call, cmd, user);
}

static int pmpool_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pmpool_file *pf = file->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	struct pmpool_extent *ext;
	void *granted;

	guard(rwsem_write)(&pf->pool->lock);

	ext = pmpool_extent_at(pf->pool, offset);
	if (!ext)
		return -ENXIO;

	granted = xa_load(&pf->grants, ext->record.id);
	if (!granted)
		return -EACCES;
	if (!(xa_to_value(granted) & PMPOOL_OPEN_WRITE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	return pmpool_map(ext, vma, offset - pmpool_extent_offset(ext));
}

const struct file_operations pmpool_fops = {
	.owner = THIS_MODULE,
	.open = pmpool_file_open,
	.release = pmpool_file_release,
	.unlocked_ioctl = pmpool_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = pmpool_file_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
};

static int extent_file_open(struct inode *inode, struct file *file)
{
	struct pmpool_extent *ext = container_of(inode->i_cdev, struct pmpool_extent, cdev);

	guard(rwsem_read)(&ext->pool->lock);

	if (!ext->live)
		return -ENODEV;
	if (file->f_mode & FMODE_WRITE && ext->pool->state == PMPOOL_STATE_READ_ONLY)
		return -EROFS;

	/* The open cdev holds a reference to the extent's device. */
	file->private_data = ext;
	return 0;
}

static long extent_file_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct pmpool_extent *ext = file->private_data;
	struct pmpool_call call = { .pool = ext->pool, .file = file, .ext = ext };

	return pmpool_dispatch(&call, cmd, user);
}

static int extent_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pmpool_extent *ext = file->private_data;

	guard(rwsem_write)(&ext->pool->lock);

	if (!ext->live)
		return -ENODEV;
	return pmpool_map(ext, vma, (u64)vma->vm_pgoff << PAGE_SHIFT);
}

static loff_t extent_file_llseek(struct file *file, loff_t offset, int whence)
{
	struct pmpool_extent *ext = file->private_data;

	return fixed_size_llseek(file, offset, whence, ext->record.length);
}

const struct file_operations pmpool_extent_fops = {
	.owner = THIS_MODULE,
	.open = extent_file_open,
	.llseek = extent_file_llseek,
	.unlocked_ioctl = extent_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = extent_file_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
};
