// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the in-kernel interface of the pool, for a test program
 *
 * Each line that is written to /sys/kernel/debug/pmpool_poke/call is one call:
 *
 *   area                      get_area; result: BASE SIZE BOOT
 *   take FIRST BLOCKS         give FIRST BLOCKS
 *   held FIRST BLOCKS         is_held; result: 0 or 1
 *   settle WORD...            settle with this bitmap, in hex, lowest word first; result: RELEASED
 *   alloc PAGES [NAME]        result: PFN
 *   find NAME                 result: PFN PAGES
 *   release PFN PAGES
 *   holds                     result: a line "FIRST BLOCKS NAME" for each
 *
 * The write fails with the call's error; ENOMEM and ENOENT where that is a NULL,
 * EPERM where it is false. The result is what is read next. The file mem beside
 * it is all of the memory, to be mapped.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pmpool.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/pmpool_hold.h>

#define LINE_SIZE	4096

static struct dentry *poke_dir;
/* Guards result. */
static DEFINE_MUTEX(poke_lock);
static char result[65536];

static int poke_area(void)
{
	struct pmpool_area area;
	int ret = pmpool_get_area(&area);

	if (!ret)
		snprintf(result, sizeof(result), "%llu %llu %d\n", (u64)area.base, area.size, area.boot);
	return ret;
}

static int poke_settle(char *words)
{
	unsigned long *mine;
	struct pmpool_area area;
	unsigned int n = 0;
	u64 released;
	char *word;
	int ret;

	ret = pmpool_get_area(&area);
	if (ret)
		return ret;
	mine = kvcalloc(BITS_TO_LONGS(area.size >> 21), sizeof(long), GFP_KERNEL);
	if (!mine)
		return -ENOMEM;
	while (!ret && (word = strsep(&words, " "))) {
		if (n == BITS_TO_LONGS(area.size >> 21))
			ret = -E2BIG;
		else
			ret = kstrtoul(word, 16, &mine[n++]);
	}
	if (!ret)
		ret = pmpool_settle(mine, &released);
	if (!ret)
		snprintf(result, sizeof(result), "%llu\n", released);
	kvfree(mine);
	return ret;
}

static int poke_holds(void)
{
	char name[PMPOOL_HOLD_NAME_SIZE];
	u64 first, blocks;
	size_t used = 0;
	u32 index = 0;
	int ret;

	while (!(ret = pmpool_next_hold(&index, &first, &blocks, name)))
		used += scnprintf(result + used, sizeof(result) - used, "%llu %llu %s\n", first, blocks, name);
	return ret == -ENOENT ? 0 : ret;
}

static int poke(char *line)
{
	unsigned long count = 0, pfn;
	char name[64] = "";
	struct page *pages;
	u64 first, blocks;

	if (!strcmp(line, "area"))
		return poke_area();
	if (!strcmp(line, "holds"))
		return poke_holds();
	if (sscanf(line, "take %llu %llu", &first, &blocks) == 2)
		return pmpool_take(first, blocks);
	if (sscanf(line, "give %llu %llu", &first, &blocks) == 2)
		return pmpool_give(first, blocks);
	if (sscanf(line, "held %llu %llu", &first, &blocks) == 2) {
		snprintf(result, sizeof(result), "%d\n", pmpool_is_held(first, blocks));
		return 0;
	}
	if (!strncmp(line, "settle ", 7))
		return poke_settle(line + 7);
	if (sscanf(line, "alloc %lu %63s", &count, name) >= 1) {
		pages = *name ? pmpool_alloc_named(name, count) : pmpool_alloc(count);
		if (!pages)
			return -ENOMEM;
		snprintf(result, sizeof(result), "%lu\n", page_to_pfn(pages));
		return 0;
	}
	if (sscanf(line, "find %63s", name) == 1) {
		pages = pmpool_find(name, &count);
		if (!pages)
			return -ENOENT;
		snprintf(result, sizeof(result), "%lu %lu\n", page_to_pfn(pages), count);
		return 0;
	}
	if (sscanf(line, "release %lu %lu", &pfn, &count) == 2)
		return pmpool_release(pfn_to_page(pfn), count) ? 0 : -EPERM;
	return -EINVAL;
}

static ssize_t poke_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	char *line = memdup_user_nul(buf, min(count, (size_t)LINE_SIZE));
	int ret;

	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&poke_lock);
	result[0] = '\0';
	ret = poke(strim(line));
	mutex_unlock(&poke_lock);
	kfree(line);
	return ret ?: count;
}

static ssize_t poke_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	ssize_t ret;

	mutex_lock(&poke_lock);
	ret = simple_read_from_buffer(buf, count, pos, result, strlen(result));
	mutex_unlock(&poke_lock);
	return ret;
}

static const struct file_operations poke_fops = {
	.owner = THIS_MODULE,
	.read = poke_read,
	.write = poke_write,
};

/* Any physical address: /dev/mem keeps off the pool. */
static int poke_mmap(struct file *file, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, vma->vm_pgoff, vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static const struct file_operations poke_mem_fops = {
	.owner = THIS_MODULE,
	.mmap = poke_mmap,
};

static int __init poke_init(void)
{
	poke_dir = debugfs_create_dir("pmpool_poke", NULL);
	debugfs_create_file("call", 0600, poke_dir, NULL, &poke_fops);
	/* The other function has no mmap(). */
	debugfs_create_file_unsafe("mem", 0600, poke_dir, NULL, &poke_mem_fops);
	return PTR_ERR_OR_ZERO(poke_dir);
}
module_init(poke_init);

static void __exit poke_exit(void)
{
	debugfs_remove(poke_dir);
}
module_exit(poke_exit);

MODULE_DESCRIPTION("The pool's in-kernel interface, for tests");
MODULE_LICENSE("GPL");
