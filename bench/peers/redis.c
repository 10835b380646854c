/* Redis alone, a list: LPUSH one by one, RPOP many at a time. No queue (nothing is leased, nothing
 * is ended): the ceiling of what is built on it. */
#include "bench/peers/wire.h"

#include <stdlib.h>

static void
hello(struct wire *wire, const struct options *options, bool consumes)
{
    (void)wire;
    (void)options;
    (void)consumes;
}

static void
store(struct wire *wire, uint64_t number)
{
    char payload[PAYLOAD_BYTES];
    payload_fill(payload, number);
    wire_format(wire, "*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n$%d\r\n", PAYLOAD_BYTES);
    wire_put(wire, payload, PAYLOAD_BYTES);
    wire_put(wire, "\r\n", 2);
}

static void
ask(struct wire *wire, unsigned n)
{
    wire_format(wire, "RPOP q %u\r\n", n);
    wire->asked = n;
}

static void
wait_for(struct wire *wire)
{
    /* Sleeps until there is something, and takes nothing: from q to q. */
    wire_format(wire, "BLMOVE q q RIGHT RIGHT 1\r\n");
    wire->asked = 0;
}

static void
end(struct wire *wire, const struct reply *task)
{
    (void)wire;
    (void)task;
}

static void
read_bulk(struct wire *wire, long length, size_t head, struct reply *reply)
{
    if (length < 0) {
        reply->kind = wire->asked ? REPLY_EMPTY : REPLY_WOKEN;
        reply->count = wire->asked;
        wire->in_begin += head;
        return;
    }
    if (wire->in_end - wire->in_begin < head + (size_t)length + 2) {
        return;
    }
    reply->kind = wire->asked ? REPLY_TASK : REPLY_WOKEN;
    reply->number = payload_number(wire->in + wire->in_begin + head, (size_t)length);
    wire->asked -= wire->asked > 0;
    wire->in_begin += head + (size_t)length + 2;
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
    long value = strtol(line + 1, NULL, 10);
    switch (line[0]) {
    case ':':
        reply->kind = REPLY_STORED;
        wire->in_begin += bytes + 2;
        break;
    case '*': /* that many of those asked for come, the others do not */
        reply->kind = REPLY_EMPTY;
        reply->count = wire->asked - (value > 0 ? (unsigned)value : 0);
        wire->asked -= reply->count;
        wire->in_begin += bytes + 2;
        break;
    case '$':
        read_bulk(wire, value, bytes + 2, reply);
        break;
    default:
        need(false, "Redis", "answered with something unexpected");
    }
}

const struct protocol redis = {
    .name = "redis",
    .hello = hello,
    .store = store,
    .ask = ask,
    .wait = wait_for,
    .end = end,
    .read = read_reply,
};
