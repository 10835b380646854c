/* baton lock: what an agent takes beside what its task declared, and whether a path is another's.
 */
#include "ctl/lock_form.h"

#include "ctl/agent.h"
#include "ctl/command.h"
#include "ctl/ref.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <string.h>

enum {
    OPTION_SHARED = 256,
    OPTION_AMOUNT,
    OPTION_TOKEN,
    OPTION_FOR,
    LOCK_WAIT_STEP_MS = 30 * 1000, /* one request waits this long; then the next one */
};

static const struct option options[] = {
    {"shared", no_argument, NULL, OPTION_SHARED},
    {"amount", required_argument, NULL, OPTION_AMOUNT},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"for", required_argument, NULL, OPTION_FOR},
    {0},
};

static void
print_holders(struct ctl *ctl, const char *name, const baton_lock_reply *reply)
{
    char holder[CTL_REF_ROOM];
    ctl_print_text(ctl, name);
    if (reply->granted) {
        ctl_print(ctl, " is free\n");
        return;
    }
    ctl_print(ctl,
              reply->n_holders || reply->n_reservations ? " is held by" : " is not to be had now");
    for (size_t i = 0; i < reply->n_holders; i++) {
        const struct baton_ref *ref = &reply->holders[i];
        ctl_print(ctl, " ");
        ctl_print_text(ctl, ctl_ref_format(ref->project, ref->id, ctl->project, holder));
    }
    for (size_t i = 0; i < reply->n_reservations; i++) {
        ctl_print(ctl, " reservation #%" PRIu64, reply->reservations[i]);
    }
    ctl_print(ctl, "%s\n", reply->lingering ? " (held by a worker that was lost)" : "");
}

void
lock_print(struct ctl *ctl, const char *name, const baton_lock_reply *reply)
{
    if (!ctl->json) {
        print_holders(ctl, name, reply);
        return;
    }
    json_t *object = json_object();
    json_t *holders = json_array(), *reservations = json_array();
    for (size_t i = 0; i < reply->n_holders; i++) {
        json_array_append_new(holders, task_json_ref(&reply->holders[i], ctl->project));
    }
    for (size_t i = 0; i < reply->n_reservations; i++) {
        json_array_append_new(reservations, json_integer((json_int_t)reply->reservations[i]));
    }
    json_object_set_new(object, "name", ctl_json_text(name));
    json_object_set_new(object, "granted", json_boolean(reply->granted));
    json_object_set_new(object, "lingering", json_boolean(reply->lingering));
    json_object_set_new(object, "holders", holders);
    json_object_set_new(object, "reservations", reservations);
    ctl_print_json(ctl, object);
}

static int
answer(struct ctl *ctl, const struct baton_lock *lock, const baton_lock_reply *reply)
{
    if (ctl->json || !reply->granted || lock->verb == BATON_LOCK_CHECK) {
        lock_print(ctl, lock->claim.name, reply);
    }
    return reply->granted ? CTL_YES : CTL_NO;
}

/* Waits in steps, so that a lost connection costs no more than one of them. */
static int
ask(struct ctl *ctl, struct baton_lock *lock, int64_t wait_ms)
{
    int status = ctl_connect(ctl);
    int64_t until = ctl_now() + wait_ms;
    while (status == CTL_YES) {
        baton_lock_reply *reply;
        int64_t left = until - ctl_now();
        left = left < 1 ? 1 : left;
        lock->wait_ms = lock->verb != BATON_LOCK_WAIT ? 0
                        : left < LOCK_WAIT_STEP_MS    ? left
                                                      : LOCK_WAIT_STEP_MS;
        baton_status got = baton_lock(ctl->baton, lock, &reply);
        if (got != BATON_OK) {
            return ctl_fail_status(ctl, got);
        }
        bool again = lock->verb == BATON_LOCK_WAIT && !reply->granted && ctl_now() < until;
        if (!again) {
            status = answer(ctl, lock, reply);
            status = lock->verb == BATON_LOCK_WAIT && status == CTL_NO ? CTL_LATER : status;
            baton_lock_reply_free(reply);
            return status;
        }
        baton_lock_reply_free(reply);
    }
    return status;
}

static int
run(struct ctl *ctl, int argc, char **argv, enum baton_lock_verb verb)
{
    struct baton_lock lock = {.verb = verb};
    const char *token = NULL;
    int64_t wait_ms = INT64_C(300000);
    uint64_t amount = 0;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        bool ok = option != '?';
        if (option == OPTION_SHARED) {
            lock.claim.shared = true;
        } else if (option == OPTION_AMOUNT) {
            ok = ctl_take_number(ctl, "--amount", optarg, CAPACITY_MAX, &amount);
            lock.claim.amount = (uint32_t)amount;
        } else if (option == OPTION_TOKEN) {
            token = optarg;
        } else if (option == OPTION_FOR) {
            ok = ctl_take_duration(ctl, "--for", optarg, &wait_ms);
        }
        if (!ok) {
            return ctl->status;
        }
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which lock? its name, or path:DIR/FILE");
    }
    lock.claim.name = argv[optind];
    bool needs_token = verb != BATON_LOCK_CHECK || token;
    if (needs_token ? !agent_token(ctl, token, &lock.token)
                    : !agent_token_from_environment(ctl, &lock.token)) {
        return ctl->status;
    }
    return ask(ctl, &lock, wait_ms);
}

static int
lock_try(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_LOCK_TRY);
}

static int
lock_wait(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_LOCK_WAIT);
}

static int
lock_release(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_LOCK_RELEASE);
}

static int
lock_check(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, BATON_LOCK_CHECK);
}

int
verb_lock(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"try", lock_try},     {"wait", lock_wait}, {"release", lock_release},
        {"check", lock_check}, {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
