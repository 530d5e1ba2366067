// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: mapping extents
 *
 * The region has no struct pages, so a mapping holds page frame numbers, put in
 * on first touch: a whole block where the mapping covers one, else 4 KiB. The
 * first touch of a block since its extent was created zeroes it.
 *
 * A mapping keeps its extent from being removed, so a fault needs no lock of the
 * pool, and faults on different extents have nothing in common.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "compat.h"
#include "internal.h"

static_assert(PMD_SIZE == PMPOOL_FORMAT_BLOCK_SIZE);

#define ZERO_STEP	(64 * 1024)

/* Zero a block for its first owner. Sleeps. */
static void block_zero(struct pmpool_extent *ext, u64 block)
{
	struct pmpool *pool = ext->pool;
	void *mem = pool->mem + (block << PMPOOL_FORMAT_BLOCK_SHIFT);
	size_t done;

	mutex_lock(&ext->zero);
	if (pmpool_format_block_ready(&pool->format, block))
		goto unlock;

	for (done = 0; done < PMPOOL_FORMAT_BLOCK_SIZE; done += ZERO_STEP) {
		memset(mem + done, 0, ZERO_STEP);
		cond_resched();
	}

	spin_lock(&pool->bitmap_lock);
	pmpool_format_set_block_ready(&pool->format, block);
	spin_unlock(&pool->bitmap_lock);
unlock:
	mutex_unlock(&ext->zero);
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

	if (order && order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	if (addr < vma->vm_start || addr + size > vma->vm_end)
		return VM_FAULT_FALLBACK;

	/* The mapping begins at the block's offset plus what is in vm_pgoff. */
	offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);
	if (vma->vm_file->f_op == &pmpool_extent_fops)
		offset += pmpool_extent_offset(ext);
	phys = pool->region.base + offset;
	if (!IS_ALIGNED(phys, size))
		return VM_FAULT_FALLBACK;

	block = offset >> PMPOOL_FORMAT_BLOCK_SHIFT;
	if (!pmpool_format_block_ready(&pool->format, block)) {
		if (pool->format.read_only)
			return VM_FAULT_SIGBUS;
		block_zero(ext, block);
	}

	if (order)
		return pmpool_insert_pfn_pmd(vmf, PHYS_PFN(phys), vmf->flags & FAULT_FLAG_WRITE);
	return vmf_insert_pfn(vma, addr, PHYS_PFN(phys));
}

static vm_fault_t extent_fault(struct vm_fault *vmf)
{
	return extent_huge_fault(vmf, 0);
}

static bool vma_writable(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYWRITE;
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

static void extent_mapped(struct pmpool_extent *ext, const struct vm_area_struct *vma)
{
	lockdep_assert_held_write(&ext->pool->lock);

	ext->mappings++;
	if (vma_writable(vma) && !ext->writable++)
		extent_mark(ext, false);
}

static void extent_vm_open(struct vm_area_struct *vma)
{
	struct pmpool_extent *ext = vma->vm_private_data;

	down_write(&ext->pool->lock);
	extent_mapped(ext, vma);
	up_write(&ext->pool->lock);
}

static void extent_vm_close(struct vm_area_struct *vma)
{
	struct pmpool_extent *ext = vma->vm_private_data;

	down_write(&ext->pool->lock);
	ext->mappings--;
	if (vma_writable(vma) && !--ext->writable)
		extent_mark(ext, true);
	up_write(&ext->pool->lock);
}

static const struct vm_operations_struct extent_vm_ops = {
	.open = extent_vm_open,
	.close = extent_vm_close,
	.fault = extent_fault,
	.huge_fault = extent_huge_fault,
};

/**
 * pmpool_map - map part of an extent
 * @ext: live, its pool's lock held for writing
 * @vma: to map it at, of a file that may map @ext
 * @offset: in bytes from the start of the extent
 *
 * Return: 0 or an error of mmap(), see <linux/pmpool.h>.
 */
int pmpool_map(struct pmpool_extent *ext, struct vm_area_struct *vma, u64 offset)
{
	u64 end = PAGE_ALIGN(ext->record.length);
	u64 size = vma->vm_end - vma->vm_start;

	lockdep_assert_held_write(&ext->pool->lock);

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (offset >= end || size > end - offset)
		return -ENXIO;
	if (ext->pool->state == PMPOOL_STATE_READ_ONLY) {
		if (vma->vm_flags & VM_WRITE)
			return -EROFS;
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	/* Not in core dumps: an extent may be larger than the disk. */
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_HUGEPAGE);
	vma->vm_private_data = ext;
	vma->vm_ops = &extent_vm_ops;
	extent_mapped(ext, vma);
	return 0;
}
