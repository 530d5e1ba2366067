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
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * struct pmpool_op - an ioctl
 * @cmd: its number
 * @min_size: of the struct in the first version of the interface
 * @size: of the struct that this kernel knows
 * @flags: that this kernel knows
 * @on_extent: it works on an extent's own file
 * @admin: run with the pool's admin mutex held
 * @tells: what it leaves in call->arg is copied out to the caller
 * @timeout: where in the struct it says how long to wait; 0 when it does not
 * @run: does it, without touching the caller's memory. -EAGAIN when what is lent was
 *	demanded for it, or what the system has is to be taken: it is run again then,
 *	once that was waited for
 */
struct pmpool_op {
	unsigned int cmd;
	u32 min_size;
	u32 size;
	u32 flags;
	bool on_extent;
	bool admin;
	bool tells;
	size_t timeout;
	int (*run)(struct pmpool_call *call);
};

/* Copy the struct out to the caller. Whose memory it is says how long that takes. */
static int call_tell(struct pmpool_call *call)
{
	lockdep_assert_not_held(&call->pool->admin);
	lockdep_assert_not_held(&call->pool->lock);

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

	if (info->__reserved)
		return -EINVAL;

	pmpool_held_look(pool);

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
		/* Most who ask need not know, so it is nothing for the audit log. */
		.base = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN) ? pool->region.base : 0,
		.held = pmpool_space_blocks(&pool->space, PMPOOL_SPACE_HELD) <<
			PMPOOL_FORMAT_BLOCK_SHIFT,
	};
	info->lent = pmpool_lent(pool, &info->emptying);
	memcpy(info->uuid, sb->uuid, sizeof(info->uuid));
	return 0;
}

static int pmpool_do_create(struct pmpool_call *call)
{
	struct pmpool_create *arg = &call->arg.create;
	struct pmpool_extent *ext;

	if (!(call->file->f_mode & FMODE_WRITE))
		return -EBADF;

	if (!pmpool_create_valid(arg))
		return -EINVAL;

	ext = pmpool_extent_prepare(call->pool, arg, &call->taking, &call->wait);
	if (IS_ERR(ext))
		return PTR_ERR(ext);

	arg->id = ext->record.id;
	arg->offset = pmpool_extent_offset(ext);
	pmpool_extent_commit(ext);
	pmpool_take_used(&call->taking);
	return 0;
}

/**
 * pmpool_file_grant - what a file may do with an extent
 * @pf: the file
 * @ext: of its pool, whose lock is held
 *
 * Return: the grant, or NULL when there is none.
 */
struct pmpool_grant *pmpool_file_grant(struct pmpool_file *pf, const struct pmpool_extent *ext)
{
	struct pmpool_grant *grant = xa_load(&pf->grants, ext->slot);

	lockdep_assert_held(&pf->pool->lock);

	return grant && grant->id == ext->record.id ? grant : NULL;
}

static int file_grant(struct pmpool_file *pf, const struct pmpool_extent *ext, u32 flags)
{
	struct pmpool_grant *grant = xa_load(&pf->grants, ext->slot);
	int ret;

	lockdep_assert_held_write(&pf->pool->lock);

	if (!grant) {
		grant = kzalloc(sizeof(*grant), GFP_KERNEL_ACCOUNT);
		if (!grant)
			return -ENOMEM;
		ret = xa_insert(&pf->grants, ext->slot, grant, GFP_KERNEL);
		if (ret) {
			kfree(grant);
			return ret;
		}
	}
	/* It may be of an extent that had the slot before, and is mapped no more. */
	if (grant->id != ext->record.id)
		*grant = (struct pmpool_grant){ .id = ext->record.id };
	grant->flags |= flags;
	return 0;
}

static int pmpool_do_open(struct pmpool_call *call)
{
	struct pmpool_open *arg = &call->arg.open;
	struct pmpool_file *pf = call->pf;
	struct pmpool *pool = call->pool;
	struct pmpool_extent *ext;
	int ret;

	guard(rwsem_write)(&pool->lock);

	if (pf->ext) {
		if (arg->flags || arg->id || memchr_inv(arg->name, 0, sizeof(arg->name)))
			return -EINVAL;
		ext = pf->ext;
		if (!ext->live)
			return -ENODEV;
		pmpool_extent_describe(ext, &arg->info);
		return 0;
	}

	ext = pmpool_extent_lookup(pool, arg->id, arg->name);
	if (IS_ERR(ext))
		return PTR_ERR(ext);

	if (arg->flags) {
		if (!pmpool_extent_permits(ext, arg->flags))
			return -EACCES;
		if (arg->flags & PMPOOL_OPEN_WRITE) {
			if (!(call->file->f_mode & FMODE_WRITE))
				return -EBADF;
			if (pool->state == PMPOOL_STATE_READ_ONLY)
				return -EROFS;
		}
		ret = file_grant(pf, ext, arg->flags);
		if (ret)
			return ret;
		pmpool_extent_opened(ext);
	}

	pmpool_extent_describe(ext, &arg->info);
	return 0;
}

static bool run_is_wanted(struct pmpool *pool, const struct pmpool_run *run, u32 flags)
{
	return flags & PMPOOL_NEXT_HELD ? run->slot == PMPOOL_SPACE_HELD :
					  !!pmpool_extent_of(pool, run);
}

static int pmpool_do_next(struct pmpool_call *call)
{
	struct pmpool_next *arg = &call->arg.next;
	struct pmpool *pool = call->pool;
	const struct pmpool_run *run;
	u64 block;

	if (arg->flags & PMPOOL_NEXT_HELD && !arg->cursor)
		pmpool_held_look(pool);

	guard(rwsem_read)(&pool->lock);

	/* The cursor is the first block that was not told of yet. */
	for (block = arg->cursor;; block = run->first + run->blocks) {
		run = pmpool_space_from(&pool->space, block);
		if (!run)
			return -ENOENT;
		if (run->first >= arg->cursor && run_is_wanted(pool, run, arg->flags))
			break;
	}

	if (arg->flags & PMPOOL_NEXT_HELD) {
		memset(&arg->info, 0, sizeof(arg->info));
		pmpool_held_name(pool, run->first, arg->info.name);
		arg->info.offset = run->first << PMPOOL_FORMAT_BLOCK_SHIFT;
		arg->info.length = run->blocks << PMPOOL_FORMAT_BLOCK_SHIFT;
	} else {
		pmpool_extent_describe(pmpool_extent_of(pool, run), &arg->info);
	}
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
	OP(PMPOOL_INFO, pmpool_do_info, pmpool_info, base, 0, .tells = true),
	OP(PMPOOL_CREATE, pmpool_do_create, pmpool_create, offset, 0, .admin = true, .tells = true,
	   .timeout = offsetof(struct pmpool_create, timeout)),
	OP(PMPOOL_OPEN, pmpool_do_open, pmpool_open, info,
	   PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, .on_extent = true, .tells = true),
	OP(PMPOOL_REMOVE, pmpool_do_remove, pmpool_remove, name, 0, .admin = true),
	OP(PMPOOL_NEXT, pmpool_do_next, pmpool_next, info, PMPOOL_NEXT_HELD, .tells = true),
	OP(PMPOOL_RENAME, pmpool_do_rename, pmpool_rename, new_name, 0, .admin = true),
	OP(PMPOOL_RESIZE, pmpool_do_resize, pmpool_resize, largest, 0, .admin = true, .tells = true,
	   .timeout = offsetof(struct pmpool_resize, timeout)),
	OP(PMPOOL_SET, pmpool_do_set, pmpool_set, tag,
	   PMPOOL_SET_MODE | PMPOOL_SET_UID | PMPOOL_SET_GID | PMPOOL_SET_TAG, .admin = true),
	OP(PMPOOL_SEAL, pmpool_do_seal, pmpool_seal, name, 0, .on_extent = true),
	OP(PMPOOL_LIMIT, pmpool_do_limit, pmpool_limit, extents, PMPOOL_LIMIT_SET, .admin = true,
	   .tells = true),
	OP(PMPOOL_REPAIR, pmpool_do_repair, pmpool_repair, record, 0, .admin = true),
	OP(PMPOOL_LEND, pmpool_do_lend, pmpool_lend, lendable, PMPOOL_LEND_SET, .tells = true,
	   .timeout = offsetof(struct pmpool_lend, timeout)),
};

/* Run once what has to be run with the admin mutex held. */
static int call_run_locked(struct pmpool_call *call)
{
	struct pmpool *pool = call->pool;
	int ret;

	if (mutex_lock_killable(&pool->admin))
		return -EINTR;
	pmpool_take_begin(pool, &call->taking);
	ret = call->op->run(call);
	pmpool_take_end(pool, &call->taking);
	mutex_unlock(&pool->admin);
	return ret;
}

static int call_run(struct pmpool_call *call)
{
	const struct pmpool_op *op = call->op;
	u32 timeout = 0;
	int ret;

	if (op->timeout)
		timeout = *(u32 *)((void *)&call->arg + op->timeout);
	call->wait.left = msecs_to_jiffies(timeout ?: PMPOOL_TIMEOUT);

	pmpool_lend_look(call->pool, &call->wait);

	if (!op->admin)
		return op->run(call);

	do {
		ret = call_run_locked(call);
		if (ret != -EAGAIN)
			break;
		/* What it needs is lent, or the system's: others get on while it waits. */
		if (call->taking.blocks || call->taking.pause)
			ret = pmpool_take_wait(call->pool, &call->taking, &call->wait.left);
		else
			ret = pmpool_lend_wait(call->pool, &call->wait);
	} while (!ret);
	pmpool_take_cancel(call->pool, &call->taking);
	return ret;
}

static long pmpool_file_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	unsigned int nr = _IOC_NR(cmd) - PMPOOL_CMD_BASE;
	struct pmpool_file *pf = file->private_data;
	struct pmpool_call call = { .pool = pf->pool, .file = file, .pf = pf };
	int ret;

	if (nr >= ARRAY_SIZE(pmpool_ops) || pmpool_ops[nr].cmd != cmd)
		return -ENOTTY;
	call.op = &pmpool_ops[nr];
	if (pf->ext && !call.op->on_extent)
		return -ENOTTY;

	call.user = (void __user *)user;
	if (get_user(call.user_size, (u32 __user *)call.user))
		return -EFAULT;
	if (call.user_size < call.op->min_size)
		return -EINVAL;

	ret = copy_struct_from_user(&call.arg, call.op->size, call.user, call.user_size);
	if (ret)
		return ret;
	if (call.arg.head[1] & ~call.op->flags)
		return -EOPNOTSUPP;

	/* Who can not be told shall not change anything: find out before. */
	if (call.op->admin && call.op->tells && call_tell(&call))
		return -EFAULT;
	ret = call_run(&call);
	if (call.op->tells && (!ret || call.tell) && call_tell(&call))
		return -EFAULT;
	return ret;
}

static struct pmpool_file *file_new(struct pmpool *pool)
{
	struct pmpool_file *pf;

	pf = kzalloc(sizeof(*pf), GFP_KERNEL_ACCOUNT);
	if (!pf)
		return NULL;
	pf->pool = pool;
	xa_init_flags(&pf->grants, XA_FLAGS_ACCOUNT);
	return pf;
}

static void file_free(struct pmpool_file *pf)
{
	struct pmpool_grant *grant;
	unsigned long slot;

	xa_for_each(&pf->grants, slot, grant)
		kfree(grant);
	xa_destroy(&pf->grants);
	if (pf->ext)
		put_device(&pf->ext->dev);
	kfree(pf);
}

static int pmpool_file_release(struct inode *inode, struct file *file)
{
	file_free(file->private_data);
	return 0;
}

/* Map what a file was granted, with no more rights than granted. */
static int file_map(struct pmpool_file *pf, struct pmpool_extent *ext,
		    struct vm_area_struct *vma, u64 offset)
{
	const struct pmpool_grant *grant = pmpool_file_grant(pf, ext);

	if (!grant)
		return -EACCES;
	if (!(grant->flags & PMPOOL_OPEN_WRITE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	return pmpool_map(ext, vma, offset);
}

static int pool_file_open(struct inode *inode, struct file *file)
{
	struct miscdevice *misc = file->private_data;
	struct pmpool_file *pf;

	pf = file_new(container_of(misc, struct pmpool, misc));
	if (!pf)
		return -ENOMEM;
	file->private_data = pf;
	return 0;
}

static int pool_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pmpool_file *pf = file->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	struct pmpool_extent *ext;

	pmpool_map_prepare(vma);

	guard(rwsem_write)(&pf->pool->lock);

	ext = pmpool_extent_at(pf->pool, offset);
	if (!ext)
		return -ENXIO;
	return file_map(pf, ext, vma, offset - pmpool_extent_offset(ext));
}

static u64 metadata_size(const struct pmpool *pool)
{
	return pool->format.meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT;
}

static loff_t pool_file_llseek(struct file *file, loff_t offset, int whence)
{
	struct pmpool_file *pf = file->private_data;

	return fixed_size_llseek(file, offset, whence, metadata_size(pf->pool));
}

/* By way of a buffer: nothing may fault while the metadata stands still. */
static ssize_t pool_file_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct pmpool_file *pf = file->private_data;
	u64 size = metadata_size(pf->pool);
	ssize_t ret;
	void *buf;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (*pos < 0)
		return -EINVAL;
	if (*pos >= size || !count)
		return 0;

	count = min3(count, (size_t)SZ_64K, (size_t)(size - *pos));
	buf = kvmalloc(count, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	down_read(&pf->pool->lock);
	memcpy(buf, pf->pool->mem + *pos, count);
	up_read(&pf->pool->lock);

	ret = copy_to_user(to, buf, count) ? -EFAULT : count;
	if (ret > 0)
		*pos += ret;
	kvfree(buf);
	return ret;
}

const struct file_operations pmpool_fops = {
	.owner = THIS_MODULE,
	.open = pool_file_open,
	.release = pmpool_file_release,
	.llseek = pool_file_llseek,
	.read = pool_file_read,
	.unlocked_ioctl = pmpool_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = pool_file_mmap,
	.fsync = noop_fsync,
	.get_unmapped_area = pmpool_unmapped_area,
};

/*
 * The VFS has looked at the node's owner and mode. So does this, at the record's:
 * the two differ from a PMPOOL_SET until udev has seen it, and for a node that
 * somebody else made.
 */
static int extent_file_open(struct inode *inode, struct file *file)
{
	struct pmpool *pool = container_of(inode->i_cdev, struct pmpool, cdev);
	struct pmpool_extent *ext;
	struct pmpool_file *pf;
	u32 flags = PMPOOL_OPEN_READ;
	int ret;

	if (file->f_mode & FMODE_WRITE)
		flags |= PMPOOL_OPEN_WRITE;

	pf = file_new(pool);
	if (!pf)
		return -ENOMEM;

	scoped_guard(rwsem_write, &pool->lock) {
		ext = pmpool_extent_of_device(pool, inode->i_rdev);
		if (!ext)
			ret = -ENODEV;
		else if (!pmpool_extent_permits(ext, flags))
			ret = -EACCES;
		else if (flags & PMPOOL_OPEN_WRITE && pool->state == PMPOOL_STATE_READ_ONLY)
			ret = -EROFS;
		else
			ret = file_grant(pf, ext, flags);
		if (!ret) {
			get_device(&ext->dev);
			pf->ext = ext;
			pmpool_extent_opened(ext);
		}
	}

	if (ret) {
		file_free(pf);
		return ret;
	}
	file->private_data = pf;
	return 0;
}

static int extent_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pmpool_file *pf = file->private_data;

	pmpool_map_prepare(vma);

	guard(rwsem_write)(&pf->pool->lock);

	if (!pf->ext->live)
		return -ENODEV;
	return file_map(pf, pf->ext, vma, (u64)vma->vm_pgoff << PAGE_SHIFT);
}

static loff_t extent_file_llseek(struct file *file, loff_t offset, int whence)
{
	struct pmpool_file *pf = file->private_data;

	return fixed_size_llseek(file, offset, whence, READ_ONCE(pf->ext->record.length));
}

const struct file_operations pmpool_extent_fops = {
	.owner = THIS_MODULE,
	.open = extent_file_open,
	.release = pmpool_file_release,
	.llseek = extent_file_llseek,
	.unlocked_ioctl = pmpool_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = extent_file_mmap,
	.fsync = noop_fsync,
	.get_unmapped_area = pmpool_unmapped_area,
};
