// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: a node for the next kernel that lies, for a test program
 *
 * Loaded, it hands the next kernel the node of a pool as it would be for what
 * its parameters say, and takes out any other one. With lie= one thing is wrong,
 * and everything else right, the checksum included:
 *
 *   nothing         base, size, version, id, bitmap, cells
 *   checksum        two (a second node)
 *   no-PROPERTY     that one is missing
 *   absurd          it has half of all addresses
 *
 * With lie=bad there is no node: the callback fails, and so must the load.
 */
#include <linux/crc32.h>
#include <linux/kexec.h>
#include <linux/libfdt.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/unaligned.h>

#include "fdt.c"
#include "fdt_ro.c"
#include "fdt_rw.c"
#include "fdt_wip.c"

static unsigned long long base, size, bitmap_offset, bitmap_size;
static char *id = "", *lie = "nothing";
module_param(base, ullong, 0400);
module_param(size, ullong, 0400);
module_param(bitmap_offset, ullong, 0400);
module_param(bitmap_size, ullong, 0400);
module_param(id, charp, 0400);
module_param(lie, charp, 0400);

static bool lies(const char *what)
{
	return !strcmp(lie, what);
}

static int put(void *fdt, int node, const char *name, const void *value, int len, u32 *crc)
{
	if (crc)
		*crc = __crc32c_le(*crc, value, len);
	return !strncmp(lie, "no-", 3) && !strcmp(lie + 3, name) ? 0 : fdt_setprop(fdt, node, name, value, len);
}

static int put_node(void *fdt, int chosen, u64 at)
{
	u8 reg[16], bitmap[16], the_id[16], cell[4];
	u64 length = lies("size") ? size / 2 : size;
	char name[40];
	u32 crc = ~0;
	int node, err;

	put_unaligned_be64(lies("absurd") ? 0 : at, reg);
	put_unaligned_be64(lies("absurd") ? 1ULL << 63 : length, reg + 8);
	put_unaligned_be64(at + bitmap_offset + (lies("bitmap") ? 4096 : 0), bitmap);
	put_unaligned_be64(lies("size") ? (length / SZ_2M + 63) / 64 * 8 : bitmap_size, bitmap + 8);
	if (hex2bin(the_id, id, sizeof(the_id)))
		return -FDT_ERR_BADVALUE;
	the_id[7] ^= lies("id");

	snprintf(name, sizeof(name), "pmpool@%llx", at);
	node = fdt_add_subnode(fdt, chosen, name);
	if (node < 0)
		return node;
	err = put(fdt, node, "compatible", "linux,pmpool-v1", sizeof("linux,pmpool-v1"), NULL);
	err = err ?: put(fdt, node, "reg", reg, sizeof(reg), &crc);
	err = err ?: put(fdt, node, "linux,bitmap", bitmap, sizeof(bitmap), &crc);
	put_unaligned_be32(lies("version") ? 2 : 1, cell);
	err = err ?: put(fdt, node, "linux,format-version", cell, sizeof(cell), &crc);
	err = err ?: put(fdt, node, "linux,id", the_id, sizeof(the_id), &crc);
	put_unaligned_be32(~crc ^ lies("checksum"), cell);
	return err ?: put(fdt, node, "linux,checksum", cell, sizeof(cell), NULL);
}

static int lie_to(void *fdt)
{
	int chosen, node, next, err;
	u32 cells = cpu_to_be32(lies("cells") ? 1 : 2);

	chosen = fdt_path_offset(fdt, "/chosen");
	if (chosen == -FDT_ERR_NOTFOUND)
		chosen = fdt_add_subnode(fdt, 0, "chosen");
	if (chosen < 0)
		return chosen;
	for (node = fdt_first_subnode(fdt, chosen); node >= 0; node = next) {
		if (!strncmp(fdt_get_name(fdt, node, NULL), "pmpool@", 7)) {
			err = fdt_del_node(fdt, node);
			if (err)
				return err;
			next = fdt_first_subnode(fdt, chosen);
		} else {
			next = fdt_next_subnode(fdt, node);
		}
	}
	/* What is put in front of a node moves it; chosen stays where it is. */
	err = fdt_setprop(fdt, chosen, "#size-cells", &cells, sizeof(cells));
	err = err ?: fdt_setprop(fdt, chosen, "#address-cells", &cells, sizeof(cells));
	err = err ?: fdt_setprop(fdt, chosen, "ranges", NULL, 0);
	err = err ?: put_node(fdt, chosen, lies("base") ? base + SZ_2M : base);
	if (!err && lies("two"))
		err = put_node(fdt, chosen, base + SZ_2M);
	return err;
}

static int lie_call(struct notifier_block *nb, unsigned long unused, void *fdt)
{
	return lies("bad") ? NOTIFY_BAD : kexec_fdt_notifier_ret(lie_to(fdt));
}

/* After everybody else has said the truth. */
static struct notifier_block lie_nb = { .notifier_call = lie_call, .priority = INT_MIN };

static int __init lie_init(void)
{
	return register_kexec_fdt_notifier(&lie_nb);
}
module_init(lie_init);

static void __exit lie_exit(void)
{
	unregister_kexec_fdt_notifier(&lie_nb);
}
module_exit(lie_exit);

MODULE_DESCRIPTION("A pool's node that lies, for tests");
MODULE_LICENSE("GPL");
