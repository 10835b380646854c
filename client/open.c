/* Connections: opening, closing, and what they know of themselves and of the broker. */
#include "client/handle.h"

#include "client/endpoint.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *
baton_version(void)
{
    return BATON_SOFTWARE_VERSION;
}

char *
actor_default(void)
{
    char host[HOST_NAME_MAX + 1] = "localhost";
    gethostname(host, sizeof host);
    host[sizeof host - 1] = 0;
    struct passwd entry, *found = NULL;
    char room[4096];
    char *actor = NULL;
    if (getpwuid_r(geteuid(), &entry, room, sizeof room, &found) != 0 || !found) {
        return asprintf(&actor, "uid%u@%s", (unsigned)geteuid(), host) < 0 ? NULL : actor;
    }
    return asprintf(&actor, "%s@%s", found->pw_name, host) < 0 ? NULL : actor;
}

static void
client_make(char *client)
{
    uint8_t random[16];
    random_fill(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(client + 2 * i, 3, "%02x", random[i]);
    }
}

static baton_status
options_check(const struct baton_options *options, struct fault *fault)
{
    if (options->timeout_ms < 0) {
        return fault_set(fault, BATON_BAD_ARGUMENT, "timeout_ms is below 0");
    }
    if (options->client && (!*options->client || strlen(options->client) > CLIENT_BYTES_MAX)) {
        return fault_set(fault, BATON_BAD_ARGUMENT, "client must have 1 to %d bytes",
                         CLIENT_BYTES_MAX);
    }
    return BATON_OK;
}

baton_status
baton_open(const char *endpoint, const struct baton_options *options, baton **ret_baton)
{
    static const struct baton_options defaults;
    struct fault *fault = fault_of_thread();
    fault_clear(fault);
    options = options ? options : &defaults;
    endpoint = baton_endpoint(endpoint);
    baton_status status = endpoint_check(endpoint, fault);
    if (!status) {
        status = options_check(options, fault);
    }
    if (status) {
        return status;
    }
    struct baton *b = calloc(1, sizeof *b);
    if (!b) {
        return fault_set(fault, BATON_NO_MEMORY, "no memory for a connection");
    }
    b->timeout_ms = options->timeout_ms ? options->timeout_ms : ANSWER_MS_DEFAULT;
    b->interruptible = options->interruptible;
    b->actor = options->actor ? strdup(options->actor) : actor_default();
    if (options->client) {
        b->repeatable = true;
        strcpy(b->client, options->client);
    } else {
        client_make(b->client);
    }
    if (!b->actor || !link_init(&b->link, endpoint)) {
        baton_close(&b);
        return fault_set(fault, BATON_NO_MEMORY,
                         "no memory, threads or descriptors left for a connection");
    }
    *ret_baton = b;
    return BATON_OK;
}

void
baton_close(baton **handle)
{
    struct baton *b = handle ? *handle : NULL;
    if (!b) {
        return;
    }
    if (b->has_unanswered) {
        zmq_msg_close(&b->unanswered);
    }
    link_fini(&b->link, 0);
    fault_clear(&b->fault);
    free(b->actor);
    free(b->zone);
    free(b);
    *handle = NULL;
}

static const struct fault *
fault_of(const baton *b)
{
    return b ? &b->fault : fault_of_thread();
}

const char *
baton_error(const baton *b)
{
    return fault_text(fault_of(b));
}

const char *
baton_error_field(const baton *b)
{
    const char *field = fault_of(b)->field;
    return field ? field : "";
}

const char *
baton_error_cycle(const baton *b)
{
    const char *cycle = fault_of(b)->cycle;
    return cycle ? cycle : "";
}

int64_t
baton_error_retry_after_ms(const baton *b)
{
    return fault_of(b)->retry_after_ms;
}

baton_status
baton_ping(baton *b, struct baton_pong *ret_pong)
{
    Baton__Ping ping = BATON__PING__INIT;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_PING;
    message.ping = &ping;
    struct ask ask = {.message = &message, .answer = BATON__FROM_BROKER__OP_PONG};
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    const Baton__Pong *pong = answer.message->pong;
    *ret_pong = (struct baton_pong){
        .now = pong->now, .epoch = pong->epoch, .accepting = pong->accepting};
    record_free(answer.record);
    return BATON_OK;
}

baton_status
baton_zone(baton *b, const char **ret_zone)
{
    Baton__Hello hello = BATON__HELLO__INIT;
    hello.version_min = PROTOCOL_VERSION;
    hello.version_max = PROTOCOL_VERSION;
    hello.software = pb_text("libbaton " BATON_SOFTWARE_VERSION);
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_HELLO;
    message.hello = &hello;
    struct ask ask = {.message = &message, .answer = BATON__FROM_BROKER__OP_WELCOME};
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    char *zone = strdup(answer.message->welcome->zone);
    record_free(answer.record);
    if (!zone) {
        return no_memory(b, NULL);
    }
    free(b->zone);
    b->zone = zone;
    *ret_zone = zone;
    return BATON_OK;
}
