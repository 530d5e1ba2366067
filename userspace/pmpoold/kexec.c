// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: kexec
 *
 * The daemon starts no kernel itself: logind or systemd is asked, for services
 * have to be stopped first. The answer may take as long as somebody delays a
 * shutdown, and the daemon goes on meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "kexec.h"
#include "log.h"
#include "message.h"

/* SD_LOGIND_KEXEC_REBOOT: kexec, when an image is loaded. */
#define LOGIND_KEXEC	(UINT64_C(1) << 1)

#define LOGIND		"org.freedesktop.login1"
#define SYSTEMD		"org.freedesktop.systemd1"

/* A kexec that was asked for, and who is waiting to hear of it. */
struct kexec_call {
	sd_bus_message *call;
	struct daemon *d;
	bool of_systemd;	/* and not of logind */
};

static void kexec_call_free(void *userdata)
{
	struct kexec_call *k = userdata;

	sd_bus_message_unref(k->call);
	free(k);
}

/*
 * Whether logind itself does not want to, as systemctl tells it: then systemd is
 * not asked either. Else logind is not there, or too old.
 */
static bool logind_refuses(const sd_bus_error *error)
{
	return !strncmp(error->name, LOGIND ".", strlen(LOGIND ".")) ||
	       sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
	       sd_bus_error_has_name(error, SD_BUS_ERROR_NOT_SUPPORTED);
}

static int ask(struct kexec_call *k);

static int on_kexec_answer(sd_bus_message *answer, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	struct kexec_call *k = userdata;
	int r = 0;

	(void)unused;
	if (!error) {
		log_notice("kexec into %s, as %s has asked for on the bus",
			   or_empty(k->d->staged.release), or_empty(sd_bus_message_get_sender(k->call)));
		r = reply_verdict(k->call, &k->d->staged);
	} else if (!k->of_systemd && !logind_refuses(error)) {
		k->of_systemd = true;
		r = ask(k);
		if (r >= 0)
			return r;
		r = sd_bus_reply_method_errno(k->call, r, NULL);
	} else {
		r = sd_bus_reply_method_errorf(k->call, error->name, "%s does not start the kexec: %s",
					       k->of_systemd ? "systemd" : "logind",
					       or_empty(error->message));
	}
	kexec_call_free(k);
	return r;
}

/*
 * As systemctl kexec does: logind waits for those who want to finish something
 * first, and tells who is logged in. On failure k is still the caller's.
 */
static int ask(struct kexec_call *k)
{
	sd_bus *bus = sd_bus_message_get_bus(k->call);

	if (k->of_systemd)
		return sd_bus_call_method_async(bus, NULL, SYSTEMD,
						"/org/freedesktop/systemd1",
						SYSTEMD ".Manager", "StartUnit",
						on_kexec_answer, k, "ss", "kexec.target",
						"replace-irreversibly");
	return sd_bus_call_method_async(bus, NULL, LOGIND,
					"/org/freedesktop/login1",
					LOGIND ".Manager", "RebootWithFlags",
					on_kexec_answer, k, "t", LOGIND_KEXEC);
}

int kexec_start(sd_bus_message *call, struct daemon *d)
{
	struct kexec_call *k = xalloc(sizeof(*k));
	int r;

	k->call = sd_bus_message_ref(call);
	k->d = d;
	r = ask(k);
	if (r < 0)
		kexec_call_free(k);
	return r < 0 ? r : 1;
}
