// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: pmpoold
 *
 * Keeps the catalog of a pool's extents, and keeps an image staged with which a
 * kexec preserves the pool; when there can be none, sees to it that there is
 * none, and says why. It holds no state that matters: everything is in the
 * pool, in the catalog, in the kernel's staged image. So it may be killed at
 * any moment, and a new one goes on.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "config.h"
#include "daemon.h"
#include "log.h"
#include "pool.h"
#include "preflight.h"

#ifndef PMPOOL_VERSION
#define PMPOOL_VERSION "unknown"
#endif

static int dry_run(const char *config_path)
{
	struct preflight pf;
	struct pool pool;
	bool ok;
	int r;

	r = pool_read(&pool);
	if (r) {
		log_err("/dev/pmpool cannot be read: %s: is the driver loaded?", strerror(-r));
		return EXIT_FAILURE;
	}
	preflight_run(&pf, &pool, config_path, NULL);
	for (size_t i = 0; i < pf.n; i++)
		printf("%-4s %s: %s\n", pf.checks[i].ok ? "ok" : "FAIL", pf.checks[i].name,
		       pf.checks[i].text);
	if (pf.cmdline)
		printf("command line: %s\n", pf.cmdline);
	ok = preflight_ok(&pf);
	preflight_clear(&pf);
	pool_clear(&pool);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_catalog(const char *path)
{
	struct catalog *catalog;
	char *reason, *text;
	int r;

	r = catalog_read(path, &catalog, &reason);
	if (r) {
		log_err("catalog %s: %s", path, reason ? reason : "there is none");
		free(reason);
		return EXIT_FAILURE;
	}
	text = catalog_json(catalog);
	puts(text);
	free(text);
	catalog_free(catalog);
	return EXIT_SUCCESS;
}

static void usage(FILE *f)
{
	fputs("Usage: pmpoold [OPTION]...\n"
	      "Keep a memory pool's catalog, and a kernel staged with which a kexec keeps the pool.\n"
	      "\n"
	      "  --config FILE           settings, instead of " CONFIG_PATH "\n"
	      "  --dry-run               check whether a kexec would keep the pool, print the\n"
	      "                          verdicts and the next command line, stage nothing;\n"
	      "                          exit status 1 when it would not\n"
	      "  --verify-staged         see to it that the image that a kexec starts is the\n"
	      "                          one that was staged, or that there is none; exit\n"
	      "                          status 1 when another one may have been there, and\n"
	      "                          now there is none\n"
	      "  --print-catalog [FILE]  print a catalog as JSON, by default\n"
	      "                          " CATALOG_PATH "\n"
	      "  --help, --version\n"
	      "\n"
	      "See pmpoold(8) and pmpool-kexec(7).\n", f);
}

int main(int argc, char **argv)
{
	enum { CONFIG = 1, DRY_RUN, VERIFY_STAGED, PRINT_CATALOG, HELP, VERSION };
	static const struct option options[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "dry-run", no_argument, NULL, DRY_RUN },
		{ "verify-staged", no_argument, NULL, VERIFY_STAGED },
		{ "print-catalog", no_argument, NULL, PRINT_CATALOG },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	const char *config_path = CONFIG_PATH;
	int c, action = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case CONFIG:
			config_path = optarg;
			break;
		case HELP:
			usage(stdout);
			return EXIT_SUCCESS;
		case VERSION:
			puts("pmpoold " PMPOOL_VERSION);
			return EXIT_SUCCESS;
		case '?':
			usage(stderr);
			return 2;
		default:
			action = c;
		}
	}
	if (argc - optind > (action == PRINT_CATALOG)) {
		log_err("\"%s\" is one argument too many", argv[argc - 1]);
		usage(stderr);
		return 2;
	}
	if (action == PRINT_CATALOG)
		return print_catalog(optind < argc ? argv[optind] : CATALOG_PATH);
	if (action == DRY_RUN)
		return dry_run(config_path);
	if (action == VERIFY_STAGED)
		return verify_staged(config_path);
	return daemon_run(config_path);
}
