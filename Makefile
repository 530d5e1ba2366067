# SPDX-License-Identifier: GPL-2.0-only
#
# make            build everything into build/
# make check      every test          make demo    the main job, in a guest
# make lint       every style check   make bench   figures
# make install    DESTDIR=, PREFIX=   make help    all targets
#
# KERNELRELEASE is set when Kbuild reads this file; it never does: the module's
# own Kbuild file is drivers/misc/pmpool/Makefile.

BUILD ?= $(CURDIR)/build
PREFIX ?= /usr
CC ?= gcc
# The newest stock kernel whose headers are installed, unless said otherwise.
KVER ?= $(shell ls -d /usr/src/linux-headers-6.12*-cloud-amd64 2>/dev/null | sort -V | tail -n 1 | sed 's/.*linux-headers-//')
KDIR ?= /lib/modules/$(KVER)/build

CFLAGS ?= -O2 -g
CPPFLAGS += -I$(CURDIR)/include/uapi -Iuserspace/libpmpool -D_GNU_SOURCE
override CFLAGS += -std=gnu11 -Wall -Wextra -Werror -fno-strict-aliasing

PROGRAMS :=
UNIT_TESTS :=
SCRIPT_TESTS :=

.PHONY: all module
all:

-include userspace/libpmpool/module.mk
-include userspace/pmpoolctl/module.mk
-include userspace/pmpoold/module.mk
-include userspace/examples/pmkv/module.mk
-include tests/unit/module.mk
-include systemd/module.mk
-include udev/module.mk

all: module $(PROGRAMS)

# Kbuild writes beside the sources it reads; links keep the tree clean.
MODULE_SRC := $(wildcard drivers/misc/pmpool/*.[ch]) drivers/misc/pmpool/Makefile
MODULE_FLAGS = -I$(CURDIR)/include/uapi -I$(CURDIR)/include
module: $(BUILD)/module/pmpool.ko
$(BUILD)/module/pmpool.ko: $(MODULE_SRC) $(wildcard include/uapi/linux/pmpool*.h include/linux/pmpool*.h)
	@mkdir -p $(@D)
	@ln -sf $(abspath $(MODULE_SRC)) $(@D)/
	$(MAKE) -C $(KDIR) M=$(@D) CONFIG_PMPOOL=m KCFLAGS="$(MODULE_FLAGS)" $(KARGS) modules
	@touch $@
