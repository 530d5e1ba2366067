/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels differ. Inside a kernel tree this file becomes the last branch
 * of each condition.
 */
#ifndef PMPOOL_COMPAT_H
#define PMPOOL_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0) || !defined(__KERNEL__)
#include <linux/crc32c.h>
#define pmpool_crc32c(crc, data, size)	crc32c(crc, data, size)
#else
#include <linux/crc32.h>
#define pmpool_crc32c(crc, data, size)	__crc32c_le(crc, (const u8 *)(data), size)
#endif

#ifdef __KERNEL__
#include <linux/mm.h>

/*
 * An extent's page-table entries have no struct pages. Before 6.12 those of huge pages
 * are not marked as such, and get_user_pages() makes up a struct page that is none.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "pmpool needs Linux 6.12: older kernels look for struct pages of an extent"
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define pmpool_insert_pfn_pmd(vmf, pfn, write)	vmf_insert_pfn_pmd(vmf, pfn, write)
#else
#include <linux/pfn_t.h>
#define pmpool_insert_pfn_pmd(vmf, pfn, write) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)
#endif

/*
 * Caches are written back, or what they have is forgotten so that what is read next
 * comes from memory. Other architectures keep memory coherent up to a reset, or have no
 * call for it.
 */
#ifdef CONFIG_X86
#include <asm/cacheflush.h>
#include <asm/smp.h>
#include <asm/special_insns.h>
#define pmpool_write_back_caches()	wbinvd()
#define pmpool_write_back_all_caches()	wbinvd_on_all_cpus()
#define pmpool_forget_caches(at, size)	clflush_cache_range(at, size)
#else
#define pmpool_write_back_caches()	do { } while (0)
#define pmpool_write_back_all_caches()	do { } while (0)
#define pmpool_forget_caches(at, size)	((void)(at), (void)(size))
#endif
#endif /* __KERNEL__ */

/*
 * Write the cache lines of a range back to memory, and let nothing that is stored
 * later be there before. It is a write barrier for other CPUs too. Tests define it.
 */
#ifndef pmpool_write_back
#ifdef __KERNEL__
#include <linux/libnvdimm.h>
#define pmpool_write_back(at, size) \
	do { arch_wb_cache_pmem(at, size); wmb(); } while (0)
#else
#define pmpool_write_back(at, size)	((void)(at), (void)(size), smp_wmb())
#endif
#endif

#endif /* PMPOOL_COMPAT_H */
