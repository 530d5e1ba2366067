// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl: look after a persistent memory pool.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "list", verb_list },
	{ "info", verb_info },
	{ "create", verb_create },
	{ "remove", verb_remove },
	{ "rename", verb_rename },
	{ "resize", verb_resize },
	{ "set", verb_set },
	{ "limit", verb_limit },
	{ "lend", verb_lend },
	{ "map", verb_map },
	{ "metrics", verb_metrics },
	{ "check", verb_check },
	{ "dump", verb_dump },
	{ "stage", verb_stage },
	{ "export", verb_export },
	{ "import", verb_import },
	{ "reserve", verb_reserve },
	{ "kexec", verb_kexec },
	{ "reconcile", verb_reconcile },
	{ "status", verb_status },
};

static const char help[] =
	"Usage: pmpoolctl VERB [OPTION...] [ARGUMENT...]\n"
	"Look after named memory that outlives the kernel.\n"
	"\n"
	"  list              list the extents\n"
	"  info [NAME]       show an extent, or the pool\n"
	"  create NAME SIZE  make an extent\n"
	"  remove NAME...    remove extents\n"
	"  rename OLD NEW    give an extent another name\n"
	"  resize NAME SIZE  make an extent longer or shorter\n"
	"  set NAME          change an extent's mode, owner, group or tag\n"
	"  limit [USER]      show or set how much of the pool a user may have\n"
	"  lend [SIZE]       show or set how much is lent to the system\n"
	"  map               draw the pool to scale\n"
	"  metrics           show figures for monitoring, as OpenMetrics\n"
	"  check [FILE]      show what is wrong with the metadata; --repair mends it\n"
	"  dump [FILE]       show the metadata itself\n"
	"  export ... FILE   write extents with all they hold into a file\n"
	"  import FILE       bring extents back from a file\n"
	"  reserve SIZE      reserve memory for the pool\n"
	"  stage             have the next kernel checked and loaded anew\n"
	"  kexec             start the next kernel, if the pool survives that\n"
	"  reconcile         take the pool as it is now for what it should be\n"
	"  status            show whether the pool is well and a kexec safe\n"
	"\n"
	"  -h, --help        show this help, or a verb's behind one\n"
	"      --version     show the version\n"
	"\n"
	"See pmpoolctl(1).\n";

/*
 * In place of a standard file that is closed, whatever is opened next would be
 * written to: the pool, say. What stands there instead gives an error.
 */
static bool fill_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	size_t i;
	int c;

	if (!fill_standard_files())
		return CTL_FAILED;

	/* getopt and error messages name the program as people know it. */
	argv[0] = (char *)"pmpoolctl";

	/* "+": what stands behind the verb is the verb's. */
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return finish_output(CTL_OK);
		case 'V':
			printf("pmpoolctl %s\n", pmpool_version());
			return finish_output(CTL_OK);
		default:
			fprintf(stderr, "Try 'pmpoolctl --help'.\n");
			return CTL_USAGE;
		}
	}
	if (optind == argc) {
		fputs(help, stderr);
		return CTL_USAGE;
	}

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(argv[optind], verbs[i].name) == 0) {
			argc -= optind;
			argv += optind;
			/* getopt begins anew; it prints argv[0]. */
			argv[0] = (char *)"pmpoolctl";
			optind = 0;
			return verbs[i].run(argc, argv);
		}
	}

	say("there is no verb '%s'", argv[optind]);
	fprintf(stderr, "Try 'pmpoolctl --help'.\n");
	return CTL_USAGE;
}
