// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmkv: a key-value server whose data outlives the process and the kernel.
 *
 * This file is what it takes to keep an application's state in an extent: open
 * it by name, see that it is ours, map it, attach what is in it, go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pmpool.h>
#ifndef PMKV_NO_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "server.h"

/* The start of an extent's tag, if it was created with one. */
#define TAG		"pmkv"

struct options {
	const char *extent;
	const char *file;
	uint64_t file_size;
	const char *listen;
	const char *socket;
	uint64_t max_item_size;
	uint64_t max_connections;
	bool format;
	bool check;
};

/* The memory that the store is in. */
struct place {
	const char *kind, *name;	/* "extent" or "file" */
	struct pmpool_extent *extent;
	int fd;
	void *memory;
	size_t size;
	bool zeroed;			/* memory that nobody has written to is zeroes */
};

static const char help[] =
	"Usage: pmkv --extent NAME | --file PATH [OPTION]...\n"
	"Serve keys and values, kept in a pmpool extent, by the memcached text protocol.\n"
	"\n"
	"  -e, --extent=NAME            the extent, which must exist: see pmpoolctl(1)\n"
	"  -f, --file=PATH              an ordinary file instead, to try pmkv without a pool\n"
	"      --size=SIZE              make the file, of that size, when there is none\n"
	"  -l, --listen=ADDRESS:PORT    loopback address to serve (127.0.0.1:11211 when\n"
	"                               no --socket is given either)\n"
	"  -s, --socket=PATH            Unix socket to serve\n"
	"  -m, --max-item-size=SIZE     longest value taken (1M)\n"
	"  -c, --max-connections=N      clients served at the same time (1024)\n"
	"      --format                 erase what is there and start with an empty store\n"
	"      --check                  verify the store, print counts, serve nothing;\n"
	"                               status 1 when something is wrong\n"
	"  -h, --help                   print this\n"
	"  -V, --version                print the version\n"
	"\n"
	"SIZE may end in K, M, G or T, powers of 1024.\n";

static bool parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *size)
{
	static const char units[] = "KMGT";
	unsigned long long n;
	const char *unit;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		return false;
	if (*end) {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!unit || end[1] ||
		    __builtin_mul_overflow(n, 1ULL << 10 * (unit - units + 1), &n))
			return false;
	}
	*size = n;
	return n >= min && n <= max;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	enum { SIZE = 256, FORMAT, CHECK };
	static const struct option longs[] = {
		{ "extent", required_argument, NULL, 'e' },
		{ "file", required_argument, NULL, 'f' },
		{ "size", required_argument, NULL, SIZE },
		{ "listen", required_argument, NULL, 'l' },
		{ "socket", required_argument, NULL, 's' },
		{ "max-item-size", required_argument, NULL, 'm' },
		{ "max-connections", required_argument, NULL, 'c' },
		{ "format", no_argument, NULL, FORMAT },
		{ "check", no_argument, NULL, CHECK },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "e:f:l:s:m:c:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'e':
			o->extent = optarg;
			break;
		case 'f':
			o->file = optarg;
			break;
		case SIZE:
			if (!parse_size(optarg, STORE_MIN_SIZE, STORE_MAX_SIZE, &o->file_size)) {
				fprintf(stderr, "pmkv: --size=%s: expected 64K to 128T\n", optarg);
				exit(2);
			}
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'm':
			if (!parse_size(optarg, 1024, 1ULL << 30, &o->max_item_size)) {
				fprintf(stderr, "pmkv: --max-item-size=%s: expected 1K to 1G\n", optarg);
				exit(2);
			}
			break;
		case 'c':
			if (!parse_size(optarg, 1, 1 << 20, &o->max_connections)) {
				fprintf(stderr, "pmkv: --max-connections=%s: expected 1 to 1048576\n", optarg);
				exit(2);
			}
			break;
		case FORMAT:
			o->format = true;
			break;
		case CHECK:
			o->check = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		case 'V':
			printf("pmkv %s\n", PMKV_VERSION);
			exit(0);
		default:
			fputs("Try 'pmkv --help'.\n", stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pmkv: '%s' is not expected here: try 'pmkv --help'\n", argv[optind]);
		exit(2);
	}
	if (!o->extent == !o->file) {
		fputs("pmkv: give either --extent or --file: try 'pmkv --help'\n", stderr);
		exit(2);
	}
	if (o->check && o->format) {
		fputs("pmkv: --check changes nothing, so it cannot go with --format\n", stderr);
		exit(2);
	}
}

/*
 * The place.
 */

static int open_extent(struct place *p, const struct options *o)
{
	static const uint8_t none[PMPOOL_TAG_LEN];
	const struct pmpool_entry *entry;
	const uint8_t *tag;
	int err;

	p->kind = "extent";
	p->name = o->extent;
	if (!pmpool_name_valid(p->name)) {
		fprintf(stderr, "pmkv: '%s' is no name of an extent: 1 to %d of A-Z a-z 0-9 . _ - are\n",
			p->name, PMPOOL_NAME_MAX);
		return -1;
	}
	err = pmpool_extent_open(p->name, o->check ? O_RDONLY : O_RDWR, &p->extent);
	if (err == -ENOENT) {
		fprintf(stderr, "pmkv: there is no extent '%s': see 'pmpoolctl list', or create it with 'pmpoolctl create %s SIZE'\n",
			p->name, p->name);
		return -1;
	}
	if (err < 0) {
		fprintf(stderr, "pmkv: cannot open extent '%s': %s\n", p->name, strerror(-err));
		return -1;
	}

	/* Whoever gave the extent another tag keeps something else in it. */
	entry = pmpool_extent_entry(p->extent);
	tag = pmpool_entry_tag(entry);
	if (memcmp(tag, none, sizeof(none)) && memcmp(tag, TAG, strlen(TAG))) {
		fprintf(stderr, "pmkv: extent '%s' is for something else: its tag is '%.*s', not '%s'\n",
			p->name, PMPOOL_TAG_LEN, (const char *)tag, TAG);
		return -1;
	}
	err = pmpool_extent_map(p->extent, NULL, &p->memory);
	if (err < 0) {
		fprintf(stderr, "pmkv: cannot map extent '%s': %s\n", p->name, strerror(-err));
		return -1;
	}
	p->fd = pmpool_extent_fd(p->extent);
	p->size = pmpool_entry_size(entry);
	p->zeroed = true;
	return 0;
}

static int open_file(struct place *p, const struct options *o)
{
	struct stat st;

	p->kind = "file";
	p->name = o->file;
	p->fd = open(p->name, (o->check ? O_RDONLY : O_RDWR) | O_CLOEXEC |
		     (o->file_size && !o->check ? O_CREAT : 0), 0600);
	if (p->fd < 0) {
		fprintf(stderr, "pmkv: cannot open file '%s': %m%s\n", p->name,
			errno == ENOENT && !o->check ? ": give --size to make it" : "");
		return -1;
	}
	if (fstat(p->fd, &st)) {
		fprintf(stderr, "pmkv: cannot look at file '%s': %m\n", p->name);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		fprintf(stderr, "pmkv: '%s' is no regular file\n", p->name);
		return -1;
	}
	if (!st.st_size && o->file_size && !o->check) {
		/* Room for all of it: a store in a file that cannot grow dies of SIGBUS. */
		if ((errno = posix_fallocate(p->fd, 0, o->file_size))) {
			fprintf(stderr, "pmkv: cannot make file '%s' of %" PRIu64 " bytes: %m\n",
				p->name, o->file_size);
			/* Not empty any more perhaps, but of no use either. */
			if (ftruncate(p->fd, 0))
				fprintf(stderr, "pmkv: cannot empty it again: %m\n");
			return -1;
		}
		st.st_size = o->file_size;
		p->zeroed = true;
	}
	if (st.st_size < STORE_MIN_SIZE) {
		fprintf(stderr, "pmkv: file '%s' has %lld bytes: a store takes %d at least%s\n",
			p->name, (long long)st.st_size, STORE_MIN_SIZE,
			st.st_size ? "" : ", give --size");
		return -1;
	}
	p->size = st.st_size;
	p->memory = mmap(NULL, p->size, PROT_READ | (o->check ? 0 : PROT_WRITE), MAP_SHARED,
			 p->fd, 0);
	if (p->memory == MAP_FAILED) {
		fprintf(stderr, "pmkv: cannot map file '%s': %m\n", p->name);
		return -1;
	}
	return 0;
}

static int open_place(struct place *p, const struct options *o)
{
	if ((o->extent ? open_extent(p, o) : open_file(p, o)) < 0)
		return -1;
	/* One process at a time; the lock goes with the process, however it ends. */
	if (flock(p->fd, (o->check ? LOCK_SH : LOCK_EX) | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			fprintf(stderr, "pmkv: %s '%s' is in use by another pmkv: stop that one first\n",
				p->kind, p->name);
		else
			fprintf(stderr, "pmkv: cannot lock %s '%s': %m\n", p->kind, p->name);
		return -1;
	}
	return 0;
}

/* Unmapped it is clean: pmpool notes that nobody can be changing it. */
static void close_place(struct place *p)
{
	if (p->extent) {
		pmpool_extent_close(p->extent);
	} else {
		munmap(p->memory, p->size);
		close(p->fd);
	}
}

/*
 * The store in it.
 */

static int make_store(struct place *p, bool zero)
{
	struct store_error error;
	uint8_t uuid[16];

	if (getrandom(uuid, sizeof(uuid), 0) != sizeof(uuid)) {
		fprintf(stderr, "pmkv: cannot get random bytes: %m\n");
		return -1;
	}
	if (store_format(p->memory, p->size, uuid, zero, &error) < 0) {
		fprintf(stderr, "pmkv: cannot make a store in %s '%s': %s\n", p->kind, p->name,
			error.text);
		return -1;
	}
	return 0;
}

static int attach(struct place *p, const struct options *o, struct store *store, bool *formatted)
{
	enum store_state state = store_probe(p->memory, p->size);
	const unsigned char *bytes = p->memory;
	struct store_error error;

	if (state == STORE_IS_FOREIGN && !o->format) {
		fprintf(stderr, "pmkv: %s '%s' holds something that is no pmkv store, starting with",
			p->kind, p->name);
		for (int i = 0; i < 16; i++)
			fprintf(stderr, " %02x", bytes[i]);
		fputs(": use another one, or erase it with --format\n", stderr);
		return -1;
	}
	*formatted = o->format || state == STORE_IS_BLANK;
	if (*formatted) {
		bool interrupted = *(const uint64_t *)p->memory == STORE_MAGIC_FORMATTING;

		if (make_store(p, !p->zeroed || o->format || interrupted) < 0)
			return -1;
	}
	if (store_attach(store, p->memory, p->size, time(NULL), &error) < 0) {
		fprintf(stderr, "pmkv: cannot use %s '%s': %s\n", p->kind, p->name, error.text);
		return -1;
	}
	store->max_value = o->max_item_size;
	return 0;
}

static void complain(void *arg, const char *what)
{
	unsigned long *complaints = arg;

	/* Damage tends to be followed by more of the same. */
	if (++*complaints <= 100)
		fprintf(stderr, "pmkv: %s\n", what);
}

static int check(struct place *p)
{
	unsigned long complaints = 0;
	struct store_counts counts;
	long wrong;

	if (store_probe(p->memory, p->size) == STORE_IS_BLANK) {
		printf("%s '%s': blank, no store was made in it yet\n", p->kind, p->name);
		return 0;
	}
	wrong = store_check(p->memory, p->size, complain, &complaints, &counts);
	if (wrong < 0) {
		fprintf(stderr, "pmkv: not enough memory to check %s '%s'\n", p->kind, p->name);
		return 1;
	}
	printf("%s '%s': %" PRIu64 " items, %" PRIu64 " of %" PRIu64 " bytes used, %" PRIu64
	       " free blocks, largest %" PRIu64 ", longest chain %" PRIu64 "%s: ",
	       p->kind, p->name, counts.items, counts.used, counts.capacity,
	       counts.free_blocks, counts.largest_free, counts.longest_chain,
	       counts.pending ? ", 1 operation to finish" : "");
	if (wrong)
		printf("%ld things wrong\n", wrong);
	else
		puts("consistent");
	return wrong != 0;
}

/*
 * Serving.
 */

static int64_t nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Say that the store is being served, and how it was found. */
static void announce(const struct place *p, const struct service *service, bool formatted)
{
	const struct store *store = service->store;
	struct store_counts counts;
	char how[80], text[300];

	store_count(store, &counts);
	if (formatted)
		snprintf(how, sizeof(how), "new");
	else if (store->was_clean)
		snprintf(how, sizeof(how), "clean");
	else
		snprintf(how, sizeof(how), "after a crash (%u operation%s resolved)",
			 store->resolved, store->resolved == 1 ? "" : "s");
	snprintf(text, sizeof(text),
		 "%s %s '%s': %" PRIu64 " items, %.1f MiB, generation %" PRIu64 ", %.3f ms, %s",
		 formatted ? "formatted" : "reattached", p->kind, p->name, counts.items,
		 counts.used / 1048576.0, store->header->generation,
		 service->reattach_ns / 1e6, how);
	fprintf(stderr, "pmkv: %s\n", text);
#ifndef PMKV_NO_SYSTEMD
	sd_notifyf(0, "READY=1\nSTATUS=%s", text);
#endif
}

static int serve(struct place *p, const struct options *o, int64_t started)
{
	struct store store;
	struct service service = {
		.store = &store,
		.started = time(NULL),
		.max_connections = o->max_connections,
	};
	struct server *server;
	bool formatted;
	int err = -1;

	server = server_new(&service);
	if (!server) {
		fprintf(stderr, "pmkv: cannot set up the server: %m\n");
		return 1;
	}
	if (attach(p, o, &store, &formatted) < 0)
		goto free_server;
	if ((o->listen && server_listen_tcp(server, o->listen) < 0) ||
	    (o->socket && server_listen_unix(server, o->socket) < 0))
		goto detach;
	service.reattach_ns = nanoseconds() - started;
	announce(p, &service, formatted);

	err = server_run(server);
	if (err < 0)
		fprintf(stderr, "pmkv: cannot wait for clients: %s\n", strerror(-err));
#ifndef PMKV_NO_SYSTEMD
	sd_notify(0, "STOPPING=1");
#endif
detach:
	store_detach(&store);
free_server:
	server_free(server);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options options = {
		.max_item_size = 1 << 20,
		.max_connections = 1024,
	};
	struct place place = { .fd = -1 };
	int64_t started;
	sigset_t signals;
	int status;

	parse_options(argc, argv, &options);
	if (!options.listen && !options.socket)
		options.listen = "127.0.0.1:11211";

	/* The server takes these from a descriptor, between two requests. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (!options.check)
		sigprocmask(SIG_BLOCK, &signals, NULL);

	started = nanoseconds();
	if (open_place(&place, &options) < 0)
		return 1;
	status = options.check ? check(&place) : serve(&place, &options, started);
	close_place(&place);
	return status;
}
