/* NATS JetStream: a work-queue stream, publishing with acknowledgements, a durable pull consumer.
 */
#include "bench/peers/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
publish(struct wire *wire, const char *subject, const char *body)
{
    wire_format(wire, "PUB %s %s %zu\r\n%s\r\n", subject, wire->inbox, strlen(body), body);
}

/* Asks something of JetStream and waits for the answer; that a thing exists already is none of our
 * concern. */
static void
command(struct wire *wire, const char *subject, const char *body)
{
    struct reply reply;
    publish(wire, subject, body);
    wire_flush(wire);
    int64_t until = now_ns() + 10000000000;
    do {
        need(wire_fill(wire) || now_ns() < until, "NATS", "does not answer");
        do {
            nats.read(wire, &reply);
        } while (reply.kind == REPLY_OTHER);
    } while (reply.kind == REPLY_NONE);
}

/* One connection after the other: of two that make the stream at the same time nats-server 2.9 may
 * refuse one, since its subjects "overlap with an existing stream". */
static void
make_queue(struct wire *wire, const struct options *options, bool consumes)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    char stream[300];
    snprintf(stream, sizeof stream,
             "{\"name\":\"q\",\"subjects\":[\"q.t\"],\"retention\":\"workqueue\","
             "\"storage\":\"%s\",\"num_replicas\":1}",
             options->storage);
    pthread_mutex_lock(&turn);
    command(wire, "$JS.API.STREAM.CREATE.q", stream);
    if (consumes) {
        command(wire, "$JS.API.CONSUMER.DURABLE.CREATE.q.w",
                "{\"stream_name\":\"q\",\"config\":{\"durable_name\":\"w\",\"ack_policy\":"
                "\"explicit\",\"max_ack_pending\":20000,\"ack_wait\":60000000000}}");
    }
    pthread_mutex_unlock(&turn);
}

static void
hello(struct wire *wire, const struct options *options, bool consumes)
{
    static atomic_uint n_inboxes;
    snprintf(wire->inbox, sizeof wire->inbox, "_INBOX.b%d.%u", (int)getpid(),
             atomic_fetch_add(&n_inboxes, 1));
    wire_format(wire,
                "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true,"
                "\"lang\":\"c\",\"version\":\"1\",\"protocol\":1}\r\nSUB %s 1\r\n",
                wire->inbox);
    make_queue(wire, options, consumes);
}

static void
store(struct wire *wire, uint64_t number)
{
    char payload[PAYLOAD_BYTES];
    payload_fill(payload, number);
    wire_format(wire, "PUB q.t %s %d\r\n", wire->inbox, PAYLOAD_BYTES);
    wire_put(wire, payload, PAYLOAD_BYTES);
    wire_put(wire, "\r\n", 2);
}

static void
ask(struct wire *wire, unsigned n)
{
    char body[64];
    snprintf(body, sizeof body, "{\"batch\":%u,\"no_wait\":true}", n);
    publish(wire, "$JS.API.CONSUMER.MSG.NEXT.q.w", body);
    wire->asked = n;
}

static void
wait_for(struct wire *wire)
{
    publish(wire, "$JS.API.CONSUMER.MSG.NEXT.q.w", "{\"batch\":1,\"expires\":1000000000}");
    wire->asked = 1;
}

static void
end(struct wire *wire, const struct reply *task)
{
    wire_put(wire, "PUB ", 4);
    wire_put(wire, task->name, task->name_bytes);
    wire_put(wire, " 4\r\n+ACK\r\n", 10);
}

static void
refused(const char *answer, size_t bytes)
{
    char says[400];
    snprintf(says, sizeof says, "refused something: %.*s", (int)(bytes < 300 ? bytes : 300),
             answer);
    need(false, "NATS", says);
}

/* MSG SUBJECT SID [REPLY] BYTES, or HMSG with another count before the last. */
static void
read_message(struct wire *wire, const char *line, size_t bytes, struct reply *reply)
{
    char head[512], *words[6] = {NULL};
    int n = 0;
    need(bytes < sizeof head, "NATS", "sent a long line");
    memcpy(head, line, bytes);
    head[bytes] = 0;
    for (char *rest = head; n < 6 && (words[n] = strsep(&rest, " "));) {
        n++;
    }
    size_t body = strtoul(words[n - 1], NULL, 10);
    if (wire->in_end - wire->in_begin < bytes + 2 + body + 2) {
        return;
    }
    wire->in_begin += bytes + 2 + body + 2;
    const char *content = line + bytes + 2;
    if (strcmp(words[1], "q.t") == 0) {
        reply->kind = REPLY_TASK;
        reply->number = payload_number(content, body);
        reply->name = line + (words[3] - head);
        reply->name_bytes = strlen(words[3]);
        wire->asked--;
    } else if (words[0][0] == 'H') { /* 404 no messages, 408 the time is over */
        reply->kind = REPLY_EMPTY;
        reply->count = wire->asked;
        wire->asked = 0;
    } else {
        if (memmem(content, body, "\"error\"", 7) && !memmem(content, body, "already in use", 14)) {
            refused(content, body);
        }
        reply->kind = REPLY_STORED;
    }
}

static void
read_reply(struct wire *wire, struct reply *reply)
{
    size_t bytes;
    const char *line = wire_line(wire, &bytes);
    *reply = (struct reply){.kind = REPLY_NONE, .count = 1};
    if (!line) {
        return;
    }
    if (memcmp(line, "MSG ", 4) == 0 || memcmp(line, "HMSG", 4) == 0) {
        read_message(wire, line, bytes, reply);
        return;
    }
    need(line[0] != '-', "NATS", "reports an error");
    if (memcmp(line, "PING", 4) == 0) {
        wire_put(wire, "PONG\r\n", 6);
    }
    reply->kind = REPLY_OTHER; /* INFO, PING, PONG */
    wire->in_begin += bytes + 2;
}

const struct protocol nats = {
    .name = "nats",
    .wait_brings_task = true,
    .hello = hello,
    .store = store,
    .ask = ask,
    .wait = wait_for,
    .end = end,
    .read = read_reply,
};
