// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: mapping extents
 *
 * The region has no struct pages, so a mapping holds page frame numbers, put in
 * on first touch: a block of 2 MiB, or 4 KiB, as the mapping allows. The first
 * touch of a block since its extent was created zeroes it.
 *
 * No page-table entry of 1 GiB is put in, whatever the mapping. Up to 7.3, mm
 * takes one for a table of smaller ones when a VMA is split inside it, and
 * mremap() clears it without a TLB flush.
 *
 * VMAs may be split anywhere, so there is no may_split: where a split goes through
 * an entry of 2 MiB, mm clears that (__split_huge_pmd(), for VM_PFNMAP), and what is
 * touched next is put in by 4 KiB. mremap() to an address that is not aligned alike
 * does the same.
 *
 * A mapping keeps its extent from being removed, so a fault needs no lock of the
 * pool, and faults on different extents have nothing in common.
 *
 * Sealing: the extent is marked clean and every page of it unmapped. The next
 * write faults, and the fault takes the mark away before the write happens.
 * Reading puts pages back read-only.
 *
 * That rests on ext->fault. A fault holds it for reading from its look at
 * ext->sealed until the page is in the page table, and so does who writes for a
 * debugger. mm itself makes a page writable only when it was put in so, or was
 * written since (mprotect()). fork() would, for it copies entries of 2 MiB without
 * looking whether they are still there (copy_huge_pmd()), so VM_WIPEONFORK keeps it
 * from that: a child starts with no page. So once somebody has held ext->fault for
 * writing, has unmapped every page and has set ext->sealed, no page is writable, nor
 * becomes so before the mark is gone.
 */
#include <linux/cleanup.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "internal.h"

static_assert(PMD_SIZE == PMPOOL_FORMAT_BLOCK_SIZE);

#define ZERO_STEP	(64 * 1024)
#define SEAL_STEP	(64 * PMPOOL_FORMAT_BLOCK_SIZE)

/* Zero a block for its first owner. Sleeps. */
static void block_zero(struct pmpool_extent *ext, u64 block)
{
	struct pmpool *pool = ext->pool;
	void *mem = pool->mem + (block << PMPOOL_FORMAT_BLOCK_SHIFT);
	size_t done;

	guard(mutex)(&ext->zero);

	if (pmpool_format_block_ready(&pool->format, block))
		return;

	for (done = 0; done < PMPOOL_FORMAT_BLOCK_SIZE; done += ZERO_STEP) {
		memset(mem + done, 0, ZERO_STEP);
		pmpool_write_back(mem + done, ZERO_STEP);
		cond_resched();
	}

	guard(mutex)(&pool->bitmap_lock);

	pmpool_format_set_block_ready(&pool->format, block);
}

/* The clean mark is in the record all the time, so that a panic finds it there. */
static void extent_mark(struct pmpool_extent *ext, bool clean)
{
	struct pmpool *pool = ext->pool;

	lockdep_assert_held_write(&pool->lock);

	ext->record.clean = clean;
	if (!pool->format.read_only)
		pmpool_format_write(&pool->format, ext->slot, &ext->record);
}

/* Somebody is about to write: first the mark goes. */
static void extent_unseal(struct pmpool_extent *ext)
{
	guard(rwsem_write)(&ext->pool->lock);

	if (!ext->sealed)
		return;
	extent_mark(ext, false);
	WRITE_ONCE(ext->sealed, false);
}

/* Hold @fault for reading; for a write with the seal away, until that is let go. */
static void extent_hold(struct pmpool_extent *ext, bool write)
{
	down_read(&ext->fault);
	while (write && READ_ONCE(ext->sealed)) {
		up_read(&ext->fault);
		extent_unseal(ext);
		down_read(&ext->fault);
	}
}

/* Where in the region an address of a mapping is. */
static u64 vma_offset(const struct vm_area_struct *vma, unsigned long addr)
{
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);

	if (vma->vm_file->f_op == &pmpool_extent_fops)
		offset += pmpool_extent_offset(vma->vm_private_data);
	return offset;
}

static vm_fault_t fault_insert(struct vm_fault *vmf, unsigned int order, phys_addr_t phys)
{
	struct vm_area_struct *vma = vmf->vma;
	struct pmpool_extent *ext = vma->vm_private_data;
	bool write;

	lockdep_assert_held_read(&ext->fault);

	/* Writing later takes no fault of its own, unless it has to be noticed. */
	write = vma->vm_flags & VM_WRITE && !READ_ONCE(ext->sealed);
	if (order == PMD_ORDER)
		return pmpool_insert_pfn_pmd(vmf, PHYS_PFN(phys), write);
	return vmf_insert_pfn_prot(vma, vmf->address & PAGE_MASK, PHYS_PFN(phys),
				   write ? vm_get_page_prot(vma->vm_flags) : vma->vm_page_prot);
}

static vm_fault_t extent_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	unsigned long size = PAGE_SIZE << order;
	unsigned long addr = ALIGN_DOWN(vmf->address, size);
	struct vm_area_struct *vma = vmf->vma;
	struct pmpool_extent *ext = vma->vm_private_data;
	struct pmpool *pool = ext->pool;
	u64 offset, block;
	phys_addr_t phys;
	vm_fault_t ret;

	if (order && order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	if (addr < vma->vm_start || addr + size > vma->vm_end)
		return VM_FAULT_FALLBACK;

	offset = vma_offset(vma, addr);
	phys = pool->region.base + offset;
	if (!IS_ALIGNED(phys, size))
		return VM_FAULT_FALLBACK;

	block = offset >> PMPOOL_FORMAT_BLOCK_SHIFT;
	if (!pmpool_format_block_ready(&pool->format, block)) {
		if (pool->format.read_only)
			return VM_FAULT_SIGBUS;
		block_zero(ext, block);
	}

	extent_hold(ext, vmf->flags & FAULT_FLAG_WRITE);
	ret = fault_insert(vmf, order, phys);
	up_read(&ext->fault);
	return ret;
}

static vm_fault_t extent_fault(struct vm_fault *vmf)
{
	return extent_huge_fault(vmf, 0);
}

/*
 * A page that is there read-only is written. Were it left to the caller to make it
 * writable, that could happen after the extent was sealed again and the page read
 * again, which leaves it as it was. So it is taken away, and put in by a fault.
 */
static vm_fault_t extent_pfn_mkwrite(struct vm_fault *vmf)
{
	unmap_mapping_range(vmf->vma->vm_file->f_mapping, (loff_t)vmf->pgoff << PAGE_SHIFT,
			    PAGE_SIZE, 1);
	return extent_fault(vmf);
}

/*
 * For ptrace() and /proc/PID/mem, which can not have the page. What was not touched
 * yet reads as zeroes and stays so. A page that is broken is an error here, not a
 * machine check.
 */
static int extent_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
			 int write)
{
	struct pmpool_extent *ext = vma->vm_private_data;
	struct pmpool *pool = ext->pool;
	u64 offset = vma_offset(vma, addr);
	u64 block = offset >> PMPOOL_FORMAT_BLOCK_SHIFT;
	unsigned long left = 0;

	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;

	/* What is in the next block is asked for by the next call. */
	len = min3((u64)len, (u64)(vma->vm_end - addr),
		   PMPOOL_FORMAT_BLOCK_SIZE - (offset & (PMPOOL_FORMAT_BLOCK_SIZE - 1)));

	if (!pmpool_format_block_ready(&pool->format, block)) {
		if (!write) {
			memset(buf, 0, len);
			return len;
		}
		block_zero(ext, block);
	}

	extent_hold(ext, write);
	if (write)
		memcpy(pool->mem + offset, buf, len);
	else
		left = copy_mc_to_kernel(buf, pool->mem + offset, len);
	up_read(&ext->fault);
	return left == len ? -EIO : len - left;
}

static bool vma_writable(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYWRITE;
}

static void extent_mapped(struct pmpool_extent *ext, const struct vm_area_struct *vma)
{
	lockdep_assert_held_write(&ext->pool->lock);

	ext->mappings++;
	if (!vma_writable(vma))
		return;
	pmpool_file_grant(vma->vm_file->private_data, ext)->writable++;
	if (!ext->writable++)
		extent_mark(ext, false);
}

static void extent_vm_open(struct vm_area_struct *vma)
{
	struct pmpool_extent *ext = vma->vm_private_data;

	guard(rwsem_write)(&ext->pool->lock);

	extent_mapped(ext, vma);
}

static void extent_vm_close(struct vm_area_struct *vma)
{
	struct pmpool_extent *ext = vma->vm_private_data;

	guard(rwsem_write)(&ext->pool->lock);

	ext->mappings--;
	if (!vma_writable(vma))
		return;
	pmpool_file_grant(vma->vm_file->private_data, ext)->writable--;
	if (!--ext->writable) {
		WRITE_ONCE(ext->sealed, false);
		extent_mark(ext, true);
	}
}

static const struct vm_operations_struct extent_vm_ops = {
	.open = extent_vm_open,
	.close = extent_vm_close,
	.fault = extent_fault,
	.huge_fault = extent_huge_fault,
	.pfn_mkwrite = extent_pfn_mkwrite,
	.access = extent_access,
};

/**
 * pmpool_map_prepare - begin a mapping
 * @vma: of mmap(), the pool's lock not held
 *
 * Locks the VMA, as changing its flags does: a fault takes that lock first and
 * the pool's after it. Not in core dumps: an extent may be larger than the disk. Of
 * shared memory VM_WIPEONFORK takes nothing but the page table.
 */
void pmpool_map_prepare(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_HUGEPAGE | VM_WIPEONFORK);
}

/**
 * pmpool_map - map part of an extent
 * @ext: live, its pool's lock held for writing
 * @vma: to map it at, prepared, of a file that was granted @ext
 * @offset: in bytes from the start of the extent
 *
 * Return: 0 or an error of mmap(), see <linux/pmpool.h>.
 */
int pmpool_map(struct pmpool_extent *ext, struct vm_area_struct *vma, u64 offset)
{
	u64 end = PAGE_ALIGN(ext->record.length);
	u64 size = vma->vm_end - vma->vm_start;

	lockdep_assert_held_write(&ext->pool->lock);

	/* A file open for reading has lost VM_SHARED by now, but not this one. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (offset >= end || size > end - offset)
		return -ENXIO;
	if (ext->pool->state == PMPOOL_STATE_READ_ONLY) {
		if (vma->vm_flags & VM_WRITE)
			return -EROFS;
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	vma->vm_private_data = ext;
	vma->vm_ops = &extent_vm_ops;
	extent_mapped(ext, vma);
	return 0;
}

/**
 * pmpool_unmapped_area - choose where to map an extent
 * @file: /dev/pmpool or an extent's own
 * @addr: where the caller wants it, or 0
 * @len: how much
 * @pgoff: from where in the file
 * @flags: of mmap()
 *
 * Return: an address at which the largest pages can be used, or an error.
 */
unsigned long pmpool_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				   unsigned long pgoff, unsigned long flags)
{
	struct pmpool_file *pf = file->private_data;
	unsigned long place;
	u64 phys;

	phys = pf->pool->region.base + ((u64)pgoff << PAGE_SHIFT);
	if (pf->ext)
		phys += pmpool_extent_offset(pf->ext);

	/* Enough of it that some address is as far behind a boundary as the memory is. */
	if (!addr && len >= PMD_SIZE && len + PMD_SIZE > len) {
		place = mm_get_unmapped_area(current->mm, file, 0, len + PMD_SIZE, pgoff, flags);
		if (!IS_ERR_VALUE(place))
			return place + ((phys - place) & (PMD_SIZE - 1));
	}
	return mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
}

/* The extent that a caller names, or an error of PMPOOL_SEAL. */
static struct pmpool_extent *extent_to_seal(struct pmpool_call *call)
{
	struct pmpool_seal *arg = &call->arg.seal;
	struct pmpool_file *pf = call->pf;
	struct pmpool_extent *ext;

	guard(rwsem_read)(&call->pool->lock);

	if (pf->ext) {
		if (arg->id || memchr_inv(arg->name, 0, sizeof(arg->name)))
			return ERR_PTR(-EINVAL);
		ext = pf->ext;
	} else {
		ext = pmpool_extent_lookup(call->pool, arg->id, arg->name);
	}
	if (!IS_ERR(ext))
		get_device(&ext->dev);
	return ext;
}

/* Whether a file may seal an extent now. */
static int may_seal(struct pmpool_file *pf, const struct pmpool_extent *ext)
{
	const struct pmpool_grant *grant;

	lockdep_assert_held(&pf->pool->lock);

	if (!ext->live)
		return pf->ext ? -ENODEV : -ENOENT;
	if (pf->pool->format.read_only)
		return -EROFS;
	grant = pmpool_file_grant(pf, ext);
	if (!grant || !(grant->flags & PMPOOL_OPEN_WRITE))
		return -EACCES;
	return grant->writable == ext->writable ? 0 : -EBUSY;
}

/*
 * No page of the extent is put into a mapping meanwhile, so all of them are gone
 * in the end. In steps, for whoever maps anything by the same file waits for one.
 */
static int extent_seal(struct pmpool_file *pf, struct pmpool_extent *ext,
		       struct address_space *mapping)
{
	struct pmpool *pool = pf->pool;
	u64 start, done, size;
	int ret;

	lockdep_assert_held_write(&ext->fault);

	scoped_guard(rwsem_read, &pool->lock) {
		ret = may_seal(pf, ext);
		start = pf->ext ? 0 : pmpool_extent_offset(ext);
		size = ext->record.blocks << PMPOOL_FORMAT_BLOCK_SHIFT;
	}
	for (done = 0; !ret && done < size; done += SEAL_STEP) {
		unmap_mapping_range(mapping, start + done, min(size - done, SEAL_STEP), 1);
		cond_resched();
		if (fatal_signal_pending(current))
			ret = -EINTR;
	}
	if (ret)
		return ret;

	guard(rwsem_write)(&pool->lock);

	ret = may_seal(pf, ext);
	if (ret)
		return ret;
	/* With the mark set and no writable mapping it is clean for good. */
	WRITE_ONCE(ext->sealed, ext->writable);
	extent_mark(ext, true);
	return 0;
}

/**
 * pmpool_do_seal - ioctl(PMPOOL_SEAL)
 * @call: under way
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_seal(struct pmpool_call *call)
{
	struct pmpool_extent *ext = extent_to_seal(call);
	int ret;

	if (IS_ERR(ext))
		return PTR_ERR(ext);

	ret = down_write_killable(&ext->fault);
	if (!ret) {
		ret = extent_seal(call->pf, ext, call->file->f_mapping);
		up_write(&ext->fault);
	}
	put_device(&ext->dev);
	return ret;
}
