// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drops the reference to the driver that keeps it from being unloaded while memory is
 * lent, for the debug kernel can not unload it by force. It never stays loaded.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>

static int __init letgo_init(void)
{
	struct file *file = filp_open("/dev/pmpool", O_RDONLY, 0);
	struct module *owner;

	if (IS_ERR(file))
		return PTR_ERR(file);
	owner = file->f_op->owner;
	filp_close(file, NULL);
	module_put(owner);
	return -ENODEV;
}
module_init(letgo_init);

MODULE_DESCRIPTION("Lets go of pmpool");
MODULE_LICENSE("GPL");
