/* Questions to the storage thread and its answers. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
event_signal(const struct store *store)
{
    /* It can only fail when it is readable already. */
    ssize_t written = write(store->event_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
}

void
question_free(struct question *question)
{
    free(question->path);
    free(question);
}

void
question_push(struct store *store, struct question *question)
{
    CHECK(store->started);
    bool is_backup = question->kind == STORE_ANSWER_BACKUP;
    pthread_mutex_lock(&store->mutex);
    question->ticket = store->submitted;
    struct question ***tail = is_backup ? &store->backups_tail : &store->questions_tail;
    **tail = question;
    *tail = &question->next;
    thread_wake_unlock(store);
}

void
answer_push(struct store *store, struct store_answer *answer)
{
    struct answer_node *node = xcalloc(1, sizeof(*node));
    node->answer = *answer;
    pthread_mutex_lock(&store->mutex);
    *store->answers_tail = node;
    store->answers_tail = &node->next;
    pthread_mutex_unlock(&store->mutex);
    event_signal(store);
}

static struct question *
question_new(enum store_answer_kind kind, uint64_t cookie)
{
    struct question *question = xcalloc(1, sizeof(*question));
    question->kind = kind;
    question->cookie = cookie;
    return question;
}

void
store_read_archive(struct store *store, enum store_archive archive, uint64_t key, uint64_t cookie)
{
    struct question *question = question_new(STORE_ANSWER_RECORD, cookie);
    question->archive = archive;
    question->key = key;
    question_push(store, question);
}

void
store_scan_archive(struct store *store, enum store_archive archive, uint64_t after, uint32_t limit,
                   uint64_t cookie)
{
    struct question *question = question_new(STORE_ANSWER_SCAN, cookie);
    question->archive = archive;
    question->key = after;
    question->limit = limit;
    question_push(store, question);
}

void
store_backup(struct store *store, const char *path, uint64_t cookie)
{
    struct question *question = question_new(STORE_ANSWER_BACKUP, cookie);
    question->path = xstrdup(path);
    question_push(store, question);
}

bool
store_next_answer(struct store *store, struct store_answer *ret_answer)
{
    pthread_mutex_lock(&store->mutex);
    struct answer_node *node = store->answers;
    if (node) {
        store->answers = node->next;
        if (!store->answers) {
            store->answers_tail = &store->answers;
        }
    }
    pthread_mutex_unlock(&store->mutex);
    if (!node) {
        return false;
    }
    *ret_answer = node->answer;
    free(node);
    return true;
}

void
store_answer_fini(struct store_answer *answer)
{
    for (size_t i = 0; i < answer->n_records; i++) {
        free(answer->records[i].data);
    }
    free(answer->records);
    answer->records = NULL;
    answer->n_records = 0;
}
