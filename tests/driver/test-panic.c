// SPDX-License-Identifier: GPL-2.0-only
/*
 * A panic in the middle of everything, the firmware's warm reset, and the kernel
 * after it: the pool is reattached as one that nobody left in order, extents
 * that were mapped for writing are dirty and the others clean, every byte is
 * there, and pmkv has the old or the new value of every key.
 *
 * usage: test-panic ADDRESS
 *
 * pmkv-load's journal, without which nobody can tell what old and new values
 * are, is copied while it grows to memory outside the pool at ADDRESS.
 *
 * Which of the two boots this is the pool itself tells. Run as root, with the
 * module not loaded.
 */
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "next.h"

#define COLD		(3 * BLOCK)
#define HOT		(2 * BLOCK)
#define STORE		(32 * MIB)
#define JOURNAL_SIZE	(8 * MIB)
#define KEYS		4000
#define KEYS_TEXT	"4000"
#define SIZES		"0-2000"
#define SOCKET		"/tmp/kv.socket"
#define JOURNAL		"/tmp/journal"
#define JOURNAL_ENOUGH	(KEYS * 20 * 5)
#define LAG_MS		30	/* what the copy of the journal may be behind when the panic begins */

struct copy {
	uint64_t length;
	char text[];
};

static struct copy *copy;
static int pool_fd;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		execv(argv[0], argv);
		die(argv[0]);
	}
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start_server(void)
{
	return start((char *[]){ "/bin/pmkv", "--extent", "kv", "--socket", SOCKET, NULL });
}

/* Each is held by a process that is there when the kernel panics. */
static void hold(const char *name, size_t length, uint64_t seed, bool seal)
{
	struct pmpool_seal arg = { .size = sizeof(arg) };
	char path[256], byte;
	volatile uint64_t *last;
	int pipes[2], fd;
	uint64_t *mem;

	if (pipe(pipes))
		die("pipe");
	if (!fork()) {
		snprintf(path, sizeof(path), NODES "%s", name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd < 0 || mem == MAP_FAILED)
			die(path);
		fill(mem, length, seed);
		if (seal && ioctl(fd, PMPOOL_SEAL, &arg))
			die("sealing");
		if (write(pipes[1], "", 1) != 1)
			die("pipe");
		/* What is sealed stays so; the other one is written until the end. */
		last = mem + length / 8 - 1;
		for (;;) {
			if (seal)
				pause();
			++*last;
			usleep(1000);
		}
	}
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) != 1)
		die("the process that holds an extent");
	close(pipes[0]);
}

/* Copy what the journal has got since the last time. Returns when that began. */
static uint64_t copy_journal(void)
{
	static int fd = -1;
	uint64_t when = now_ms(), length = copy->length;
	ssize_t got;

	if (fd < 0)
		fd = open(JOURNAL, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return when;
	while ((got = read(fd, copy->text + length, JOURNAL_SIZE - sizeof(*copy) - length)) > 0)
		length += got;
	/* Only what is there whole counts. */
	__atomic_store_n(&copy->length, length, __ATOMIC_RELEASE);
	return when;
}

__attribute__((noreturn))
static void before(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	uint64_t *mem;
	pid_t churn;

	begin("before");
	copy->length = 0;
	check_errno(create(pool_fd, "cold", COLD), 0, "created 'cold'");
	check_errno(create(pool_fd, "hot", HOT), 0, "created 'hot'");
	check_errno(create(pool_fd, "sealed", HOT), 0, "created 'sealed'");
	check_errno(create(pool_fd, "kv", STORE), 0, "created 'kv'");
	mem = map_node("cold", COLD, PROT_READ | PROT_WRITE);
	fill(mem, COLD, 1);
	munmap(mem, COLD);
	hold("hot", HOT, 2, false);
	hold("sealed", HOT, 3, true);

	start_server();
	churn = start((char *[]){ "/bin/pmkv-load", "churn", "--connect", SOCKET, "--wait", "600",
				  "--keys", KEYS_TEXT, "--size", SIZES, "--rounds", "1000000",
				  "--journal", JOURNAL, NULL });
	/* Until each key is there, and has been changed a few times. */
	for (; copy->length < JOURNAL_ENOUGH && !waitpid(churn, NULL, WNOHANG); usleep(10000))
		copy_journal();
	check(copy->length >= JOURNAL_ENOUGH && copy->length < JOURNAL_SIZE / 2,
	      "pmkv is being changed: %" PRIu64 " bytes of journal", copy->length);
	check(waitpid(churn, NULL, WNOHANG) == 0, "and pmkv-load runs");
	if (done())
		exit(1);

	while (now_ms() - copy_journal() > LAG_MS)
		;
	if (write(fd, "c", 1) != 1)
		die("/proc/sysrq-trigger");
	sleep(60);
	die("there was no panic");
}

/*
 * The journal's end is not known: each key may have been changed once more than
 * the copy tells. Not twice: KEYS others come between, which takes far longer
 * than LAG_MS and a panic.
 */
static void restore_journal(void)
{
	static uint64_t sent[KEYS];
	FILE *file = fopen(JOURNAL, "w");
	uint64_t key, version, acknowledged = 0;
	char *line, *end;

	/* A last line that is not whole is not there. */
	for (line = copy->text; (end = memchr(line, '\n', copy->text + copy->length - line));
	     line = end + 1) {
		fprintf(file, "%.*s\n", (int)(end - line), line);
		if (sscanf(line + 1, " %" SCNu64 " %" SCNu64, &key, &version) != 2 || key >= KEYS)
			die("the copy of the journal makes no sense");
		if (*line == 's')
			sent[key] = version;
		else
			acknowledged++;
	}
	for (key = 0; key < KEYS; key++)
		fprintf(file, "s %" PRIu64 " %" PRIu64 "\n", key, sent[key] + 1);
	fclose(file);
	check(acknowledged >= KEYS, "%" PRIu64 " changes had been acknowledged by pmkv", acknowledged);
}

static void pmkv(void)
{
	pid_t server;

	begin("pmkv");
	restore_journal();
	server = start_server();
	check(status_of(start((char *[]){ "/bin/pmkv-load", "verify", "--connect", SOCKET, "--wait",
					  "600", "--size", SIZES, "--journal", JOURNAL, NULL })) == 0,
	      "each key has the value acknowledged last or a later one");
	kill(server, SIGTERM);
	check(status_of(server) == 0, "the server ends in order");
	check(status_of(start((char *[]){ "/bin/pmkv", "--extent", "kv", "--check", NULL })) == 0,
	      "everything holds in the store");
}

static void mark(const char *name, bool clean)
{
	struct pmpool_extent_info ext = { 0 };

	check_errno(open_extent(pool_fd, name, 0, &ext), 0, "'%s' is there", name);
	check(ext.flags == (clean ? PMPOOL_EXTENT_CLEAN : 0), "and is %s", clean ? "clean" : "dirty");
}

static void after(const struct pmpool_info *pool)
{
	uint64_t *mem, last;

	begin("after");
	check(pool->generation == 2, "generation %llu", pool->generation);
	check(pool->was_clean == 0 && pool->handover_time == 0,
	      "nobody let go of the pool, and it says so");
	check(strstr(messages(), "not left clean"), "the kernel's log says so too");
	check(pool->state == PMPOOL_STATE_OK && pool->extents == 4, "%u extents, state %u",
	      pool->extents, pool->state);
	mark("cold", true);
	mark("hot", false);
	mark("sealed", true);
	mark("kv", false);

	mem = map_node("cold", COLD, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, COLD, 1), "every byte of 'cold'");
	mem = map_node("sealed", HOT, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, HOT, 3), "every byte of 'sealed'");
	mem = map_node("hot", HOT, PROT_READ);
	last = pattern(2, HOT / 8 - 1);
	check(mem != MAP_FAILED && !mismatches(mem, HOT - 8, 2), "every byte of 'hot'");
	check(mem[HOT / 8 - 1] - last > 100 && mem[HOT / 8 - 1] - last < 1000000,
	      "and what was written every ms until the panic: %" PRIu64 " times",
	      mem[HOT / 8 - 1] - last);
	munmap(mem, HOT);

	/* A program that has looked at it makes it clean again. */
	mem = map_node("hot", HOT, PROT_READ | PROT_WRITE);
	munmap(mem, HOT);
	mark("hot", true);
}

int main(int argc, char **argv)
{
	uint64_t base = argc == 2 ? strtoull(argv[1], NULL, 0) : 0;
	struct pmpool_info pool;

	if (!base) {
		fprintf(stderr, "usage: test-panic ADDRESS\n");
		return 2;
	}
	copy = map_outside(base, JOURNAL_SIZE);
	if (load(region_param()))
		die("loading the driver");
	pool_fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (pool_fd < 0)
		die(POOL);
	pool = info(pool_fd);
	if (pool.generation == 1)
		before();
	after(&pool);
	pmkv();
	return done();
}
