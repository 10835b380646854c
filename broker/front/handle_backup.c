/* Backup: a copy of the store while it is in use. The store makes it on its own thread. */
#include "broker/front/store_ops.h"

#include "common/text.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static bool
is_being_written(const struct front *front, const char *path)
{
    const struct store_op *op = front->store_ops;
    while (op && !(op->kind == STORE_OP_BACKUP && strcmp(op->path, path) == 0)) {
        op = op->next;
    }
    return op != NULL;
}

static bool
path_is_good(const char *path)
{
    return path[0] == '/' && path[1] && strlen(path) < PATH_MAX && prose_is_valid(path, PATH_MAX) &&
           !strchr(path, '\n') && !strstr(path, "/../") && path[strlen(path) - 1] != '/';
}

enum answered
handle_backup(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const char *path = call->message->backup->path;
    struct stat st;
    if (!path_is_good(path)) {
        return reply_refuse(
            call, reply, BATON__CODE__CODE_INVALID, "backup.path",
            "give an absolute path of a file on the broker's machine, without '..'");
    }
    if (is_being_written(front, path)) {
        return reply_refuse(call, reply, BATON__CODE__CODE_BUSY, "backup.path",
                            "a backup to this path is being written");
    }
    if (lstat(path, &st) == 0) {
        return reply_refuse(call, reply, BATON__CODE__CODE_CONFLICT, "backup.path",
                            "the path exists; a backup overwrites nothing, so name another one");
    }
    struct store_op *op = store_op_begin(call, STORE_OP_BACKUP, reply);
    if (!op) {
        return ANSWER_NOW;
    }
    op->path = arena_strdup(&op->arena, path);
    op->seq = front->seq_handed;
    op->n_awaiting = 1;
    store_backup(front->store, path, op->cookie);
    return ANSWER_LATER;
}

static Baton__Code
code_of(enum store_status status)
{
    switch ((int)status) {
    case STORE_FULL:
        return BATON__CODE__CODE_FULL;
    case STORE_DENIED:
        return BATON__CODE__CODE_INVALID; /* the path is not one that we can write */
    default:
        return BATON__CODE__CODE_INTERNAL;
    }
}

void
backup_continue(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    if (answer->status != STORE_OK) {
        log_event(LOG_LEVEL_WARNING, "backup.failed", "path=%s error=%s", log_quote(op->path).s,
                  log_quote(answer->error).s);
        store_op_refuse(front, op, code_of(answer->status), answer->error);
        return;
    }
    log_event(LOG_LEVEL_NOTICE, "backup.written", "path=%s bytes=%llu", log_quote(op->path).s,
              (unsigned long long)answer->bytes);
    Baton__BackupDone done = BATON__BACKUP_DONE__INIT;
    done.path = op->path;
    done.bytes = answer->bytes;
    done.seq = op->seq;
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_BACKUP;
    reply.backup = &done;
    store_op_answer(front, op, &reply);
}
