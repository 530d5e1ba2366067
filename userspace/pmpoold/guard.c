// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the guard
 *
 * With no image loaded, kexec.target still stops every service, and then
 * systemd-shutdown falls back to a firmware reset. A unit that kexec.target
 * requires is no protection: its failure comes when the other jobs of the same
 * transaction have stopped half of the system. What systemd looks at before it
 * makes any job is whether the unit is masked. So while a kexec would lose the
 * pool, kexec.target is masked, in /run, which no reboot keeps.
 *
 * The mark tells our mask from one that an administrator has set: that one is
 * not ours to lift.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "log.h"

#define UNIT		"kexec.target"
#define MARK_PATH	"/run/pmpool/kexec-masked"

static const char *const mask_paths[] = {
	"/etc/systemd/system/" UNIT,
	"/run/systemd/system/" UNIT,
};

static bool is_masked(void)
{
	for (size_t i = 0; i < sizeof(mask_paths) / sizeof(mask_paths[0]); i++) {
		char target[16];
		ssize_t n = readlink(mask_paths[i], target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			if (!strcmp(target, "/dev/null"))
				return true;
		}
	}
	return false;
}

static int systemctl(const char *verb)
{
	char *const argv[] = {
		(char *)"systemctl", (char *)"--runtime", (char *)"--quiet",
		(char *)verb, (char *)UNIT, NULL,
	};
	posix_spawnattr_t attr;
	sigset_t none;
	int r, status;
	pid_t pid;

	/* The loop's signals are blocked here; the child wants them. */
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawnp(&pid, "systemctl", NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

int guard_allow_kexec(bool allow)
{
	bool ours = !access(MARK_PATH, F_OK);
	int fd, r;

	if (allow) {
		if (!ours)
			return 0;
		r = is_masked() ? systemctl("unmask") : 0;
		if (r) {
			log_err(UNIT " cannot be unmasked: %s: run systemctl --runtime unmask " UNIT,
				strerror(-r));
			return r;
		}
		unlink(MARK_PATH);
		log_notice(UNIT " is unmasked");
		return 0;
	}
	if (is_masked())
		return 0;
	/* The mark first: a mask without it would never be lifted. */
	fd = open(MARK_PATH, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		r = -errno;
		log_err("%s cannot be made: %s: " UNIT " is not masked, do not kexec",
			MARK_PATH, strerror(-r));
		return r;
	}
	close(fd);
	r = systemctl("mask");
	if (r) {
		unlink(MARK_PATH);
		log_err(UNIT " cannot be masked: %s: do not kexec", strerror(-r));
		return r;
	}
	log_notice(UNIT " is masked until a kexec would keep the pool");
	return 0;
}
