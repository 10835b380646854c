/* Answers to numbered requests, kept so that a request that comes again is done once
 * (docs/semantics.md). A client says up to which number it has its answers; those are dropped with
 * its next request. */
#include "broker/core/state.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

static struct client *
client_find(const struct core *core, const char *name)
{
    struct client *client;
    HASH_FIND(by_name, core->clients, name, strlen(name), client);
    return client;
}

static void
answer_drop(struct core *core, struct answer *answer)
{
    struct client *client = answer->client;
    *(answer->older ? &answer->older->newer : &core->oldest) = answer->newer;
    *(answer->newer ? &answer->newer->older : &core->newest) = answer->older;
    *(answer->client_prev ? &answer->client_prev->client_next
                          : &client->first) = answer->client_next;
    *(answer->client_next ? &answer->client_next->client_prev
                          : &client->last) = answer->client_prev;
    core->n_answers--;
    core->bytes -= sizeof *answer + answer->bytes;
    free(answer->reply);
    free(answer);
    if (!client->first) {
        HASH_DELETE(by_name, core->clients, client);
        core->bytes -= sizeof *client;
        free(client->name);
        free(client);
    }
}

enum core_repeat
core_recall(const struct core *core, const char *name, uint64_t number, uint64_t digest,
            const uint8_t **ret_reply, size_t *ret_bytes)
{
    const struct client *client = client_find(core, name);
    if (!client || number > client->highest) {
        return CORE_NEW;
    }
    for (const struct answer *answer = client->last; answer; answer = answer->client_prev) {
        if (answer->number == number && answer->digest == digest) {
            *ret_reply = answer->reply;
            *ret_bytes = answer->bytes;
            return CORE_REPLAYED;
        }
    }
    return CORE_USED;
}

void
core_remember(struct core *core, struct core_request *request, const char *client, uint64_t number,
              uint64_t acked, uint64_t digest, const uint8_t *reply, size_t bytes)
{
    Baton__Answered answered = BATON__ANSWERED__INIT;
    answered.client = (char *)(uintptr_t)client;
    answered.number = number;
    answered.digest = digest;
    answered.reply.data = (uint8_t *)(uintptr_t)reply;
    answered.reply.len = bytes;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_ANSWERED;
    fact.answered = &answered;
    emit(core, request, &fact);
    const struct client *owner = client_find(core, client);
    if (acked && acked < number && owner->first->number <= acked) {
        Baton__Forgotten forgotten = BATON__FORGOTTEN__INIT;
        forgotten.client = (char *)(uintptr_t)client;
        forgotten.up_to = acked;
        fact = (Baton__Fact)BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_FORGOTTEN;
        fact.forgotten = &forgotten;
        emit(core, request, &fact);
    }
}

void
answers_evolve(struct core *core, const Baton__Answered *answered, int64_t at)
{
    struct client *client = client_find(core, answered->client);
    if (!client) {
        client = xcalloc(1, sizeof *client);
        client->name = xstrdup(answered->client);
        core->bytes += sizeof *client;
        HASH_ADD_KEYPTR(by_name, core->clients, client->name, strlen(client->name), client);
    }
    struct answer *answer = xcalloc(1, sizeof *answer);
    *answer = (struct answer){.client = client,
                              .number = answered->number,
                              .digest = answered->digest,
                              .reply = xmemdup(answered->reply.data, answered->reply.len),
                              .bytes = (uint32_t)answered->reply.len,
                              .at = at,
                              .older = core->newest,
                              .client_prev = client->last};
    *(core->newest ? &core->newest->newer : &core->oldest) = answer;
    core->newest = answer;
    *(client->last ? &client->last->client_next : &client->first) = answer;
    client->last = answer;
    client->highest = MAX(client->highest, answered->number);
    core->n_answers++;
    core->bytes += sizeof *answer + answer->bytes;
}

void
answers_forget(struct core *core, const Baton__Forgotten *forgotten)
{
    if (forgotten->client[0]) {
        struct client *client = client_find(core, forgotten->client);
        CHECK(client && client->highest > forgotten->up_to);
        /* The newest answer stays, and with it the client's highest number. */
        for (struct answer *answer = client->first, *next; answer != client->last; answer = next) {
            next = answer->client_next;
            if (answer->number <= forgotten->up_to) {
                answer_drop(core, answer);
            }
        }
    }
    while (core->oldest && core->oldest->at < forgotten->before) {
        answer_drop(core, core->oldest);
    }
}

void
answers_fini(struct core *core)
{
    while (core->oldest) {
        answer_drop(core, core->oldest);
    }
}
