// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl create: make an extent.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl create [OPTION...] NAME SIZE\n"
	"Create the extent NAME of SIZE bytes, owned by you; it reads as zeroes.\n"
	"SIZE is like 4096, 2M or 1.5GiB.\n"
	"\n"
	"  -m, --mode=MODE    permission bits in octal (0600)\n"
	"  -a, --align=SIZE   let its place in the machine's memory be a multiple of\n"
	"                     SIZE, a power of two\n"
	"  -t, --tag=TEXT     up to 16 bytes that say what it holds\n"
	"  -j, --json         describe what was made, for programs\n"
	"  -b, --bytes        sizes in bytes\n"
	"  -h, --help         show this help\n";

struct request {
	const char *name;
	uint64_t size;
	mode_t mode;
	uint64_t align;		/* 0: not asked for */
	const char *tag;
	struct given given;
};

/* What the driver would refuse with a bare EINVAL is told apart here. */
static bool check_request(const struct request *request, const struct pmpool_pool_info *info)
{
	uint64_t block = pmpool_info_block_size(info);
	char text[SIZE_TEXT];

	if (request->align && request->align < block) {
		say("cannot create '%s': an alignment of %" PRIu64 " is below the pool's block size, %s",
		    request->name, request->align, format_size(text, block, false));
		return false;
	}
	return true;
}

static int options_of(const struct request *request, struct pmpool_options **options)
{
	int ret;

	ret = pmpool_options_new(options);
	if (ret)
		return ret;

	pmpool_options_set_mode(*options, request->mode);
	pmpool_options_set_align(*options, request->align);
	ret = pmpool_options_set_tag(*options, request->tag, strlen(request->tag));
	if (ret)
		pmpool_options_free(*options);
	return ret;
}

static void report_failure(struct pmpool *pool, const struct request *request, int err)
{
	struct pmpool_pool_info *info = NULL;
	char why[256];

	/* Anew: what was free before the attempt may be gone. */
	if (pmpool_get_info(pool, &info))
		info = NULL;
	create_error(why, sizeof(why), err, request->size, request->align, info);
	say("cannot create '%s': %s", request->name, why);
	pmpool_info_free(info);
}

static int create(struct pmpool *pool, const struct request *request)
{
	struct pmpool_pool_info *info;
	struct pmpool_options *options;
	struct pmpool_entry *entry;
	char offset[SIZE_TEXT];
	char size[SIZE_TEXT];
	int status = CTL_OK;
	bool good;
	int ret;

	ret = pmpool_get_info(pool, &info);
	if (ret) {
		say("cannot describe the pool: %s", error_text(ret));
		return error_status(ret);
	}
	good = check_request(request, info);
	pmpool_info_free(info);
	if (!good)
		return CTL_USAGE;

	ret = options_of(request, &options);
	if (!ret) {
		ret = pmpool_create(pool, request->name, request->size, options, &entry);
		pmpool_options_free(options);
	}
	if (ret) {
		report_failure(pool, request, ret);
		return ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
	}

	if (request->given.json) {
		status = print_json(entry_to_json(entry));
	} else {
		printf("created '%s': %s at offset %s\n", request->name,
		       format_size(size, pmpool_entry_size(entry), request->given.exact),
		       format_size(offset, pmpool_entry_offset(entry), request->given.exact));
		status = finish_output(CTL_OK);
	}
	pmpool_entry_free(entry);
	return status;
}

static bool is_power_of_two(uint64_t n)
{
	return n && (n & (n - 1)) == 0;
}

/* Fill in request from what needs no pool. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "align", required_argument, NULL, 'a' },
		{ "tag", required_argument, NULL, 't' },
		OPTION_JSON, OPTION_BYTES, END_OPTIONS
	};
	static const struct command command = {
		"create", help, options, "one name and one size", 2, 2
	};
	const char *wrong;
	int c;

	while ((c = next_option(&command, argc, argv, &request->given)) != -1) {
		switch (c) {
		case 'm':
			wrong = parse_mode(optarg, &request->mode);
			if (wrong)
				return wrong_option("mode", wrong);
			break;
		case 'a':
			wrong = parse_size(optarg, &request->align);
			if (!wrong && !is_power_of_two(request->align))
				wrong = "not a power of two; write it like 2M or 1G";
			if (wrong)
				return wrong_option("align", wrong);
			break;
		case 't':
			if (strlen(optarg) > PMPOOL_TAG_LEN) {
				say("--tag '%s': %zu bytes long; the limit is %d", optarg,
				    strlen(optarg), PMPOOL_TAG_LEN);
				return CTL_USAGE;
			}
			request->tag = optarg;
			break;
		}
	}
	if (request->given.status >= 0)
		return request->given.status;

	request->name = argv[optind];
	if (!check_name("create", request->name))
		return CTL_USAGE;

	wrong = parse_size(argv[optind + 1], &request->size);
	if (!wrong && request->size == 0)
		wrong = "an extent has at least 1 byte";
	if (wrong) {
		say("cannot create '%s': size '%s': %s", request->name, argv[optind + 1], wrong);
		return CTL_USAGE;
	}
	return -1;
}

int verb_create(int argc, char **argv)
{
	struct request request = { .mode = 0600, .tag = "" };
	struct pmpool *pool;
	int status;

	status = parse(argc, argv, &request);
	if (status >= 0)
		return status;

	status = open_pool(O_RDWR, &pool);
	if (status)
		return status;

	status = create(pool, &request);
	pmpool_close(pool);
	return status;
}
