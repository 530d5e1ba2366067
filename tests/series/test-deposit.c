// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages deposited to a simulated hypervisor, with the kernel's own sample: the
 * deposit grows on demand, survives a kexec and is still owned after it. A part is
 * withdrawn, the rest survives the next one, is withdrawn, and is gone then.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root.
 */
#include "series.h"

#define SAMPLE	"/lib/deposit.ko"
#define FILES	DEBUGFS "/pmpool_deposit/"

static int put(const char *name, const char *text)
{
	char path[100];
	int fd, ret, err;

	snprintf(path, sizeof(path), FILES "%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	ret = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

static unsigned long value(const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), FILES "%s", name);
	return strtoul(slurp(path), NULL, 0);
}

static bool intact(unsigned long pages, unsigned int holds, unsigned int generation)
{
	char wanted[200];

	snprintf(wanted, sizeof(wanted), "verified %lu pages in %u holds of generation %u: 0 wrong words",
		 pages, holds, generation);
	return strstr(slurp(FILES "verify"), wanted);
}

/* One word of the first hold, as if Linux had used a page that is not its. */
static void touch(const struct area *area)
{
	unsigned long long pfn = 0, pages;
	uint64_t *mem;

	check_errno(poke("find deposit.0"), 0, "a deposit is a hold with a name");
	sscanf(poke_said(), "%llu %llu", &pfn, &pages);
	mem = map_blocks(area, (pfn * 4096 - area->base) / BLOCK, 1);
	mem[1000] ^= 1;
	check(strstr(slurp(FILES "verify"), " 1 wrong words"), "a word that somebody else wrote is found");
	mem[1000] ^= 1;
	munmap(mem, BLOCK);
}

/* An image of the deposited pages would be read, and on resume written back. */
static void refuse_hibernation(void)
{
	int fd = open("/sys/power/state", O_WRONLY | O_CLOEXEC);

	messages();
	check_errno(write(fd, "disk", 4) < 0 ? -1 : 0, EBUSY, "hibernation is refused");
	check(strstr(messages(), "no hibernation while"), "and the kernel's log says why");
	close(fd);
}

/* Where the deposit has a hole since one hold was withdrawn */
static bool intact_rest(void)
{
	return intact(1536, 2, 2) && !strstr(slurp(FILES "verify"), "deposit.1:");
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	struct area area;
	uint64_t before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("deposit");
	if (!have_pool(&area, boot))
		return done();
	check_errno(load_file(SAMPLE, ""), 0, "boot %u: the sample is loaded", boot);
	switch (boot) {
	case 1:
		check(value("deposited") == 0, "nothing is deposited");
		check_errno(put("deposit", "600"), 0, "600 pages are");
		check(value("deposited") == 1024, "in whole blocks: %lu", value("deposited"));
		check_errno(put("deposit", "2000"), 0, "the hypervisor asks for more");
		check(value("deposited") == 2048, "and has %lu", value("deposited"));
		check_errno(put("work", "1"), 0, "it works");
		check(intact(2048, 2, 2), "everything is as it left it");
		refuse_hibernation();
		break;
	case 2:
		check(value("deposited") == 2048 && value("generation") == 2,
		      "%lu pages are still the hypervisor's, of generation %lu", value("deposited"),
		      value("generation"));
		break;
	case 3:
		check(value("deposited") == 1536 && value("generation") == 2,
		      "%lu pages are left, of generation %lu", value("deposited"), value("generation"));
		break;
	case 4:
		check(value("deposited") == 0, "nothing is deposited any more");
		check(meminfo("CmaFree:") > area.size - 8 * BLOCK, "all of the pool is the system's");
		return done();
	}

	before = meminfo("CmaFree:");
	check(hog() > before, "a program takes %llu MiB of the pool and more", (unsigned long long)(before / MIB));
	check(boot < 3 ? intact(2048, 2, 2) : intact_rest(), "no deposited page was touched");
	if (boot == 2) {
		check_errno(put("deposit", "2500"), 0, "it grows in this kernel too");
		check(value("deposited") == 2560, "to %lu pages", value("deposited"));
		check_errno(put("withdraw", "deposit.1"), 0, "one deposit is withdrawn");
		check(value("deposited") == 1536, "%lu pages are left", value("deposited"));
		check_errno(put("withdraw", "deposit.7"), ENOENT, "one that there is not");
		check(intact_rest(), "which nobody has touched");
	}
	if (boot == 3) {
		touch(&area);
		check_errno(put("deposit", "2500"), EIO, "nothing is deposited to who has lost pages");
		check_errno(put("withdraw", "all"), 0, "all is withdrawn");
		check(value("deposited") == 0 && !*(poke("holds") ? "?" : poke_said()), "nobody holds anything");
	}
	check_errno(stage(series_cmdline(boot, NULL), 0), 0, "the next kernel is staged");
	if (done())
		return 1;
	start_next();
}
