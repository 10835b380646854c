/* gearmand's binary protocol; background jobs of one function. */
#include "bench/peers/wire.h"

#include <arpa/inet.h>
#include <string.h>

enum packet {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
    SUBMIT_JOB_BG = 18,
};

struct head {
    char magic[4];
    uint32_t type;
    uint32_t bytes;
};

static void
packet_begin(struct wire *wire, enum packet type, size_t bytes)
{
    struct head head = {{0, 'R', 'E', 'Q'}, htonl(type), htonl((uint32_t)bytes)};
    wire_put(wire, &head, sizeof head);
}

static void
hello(struct wire *wire, const struct options *options, bool consumes)
{
    (void)options;
    if (consumes) {
        packet_begin(wire, CAN_DO, 1);
        wire_put(wire, "f", 1);
    }
}

static void
store(struct wire *wire, uint64_t number)
{
    /* Function, the job's unique name, payload; NUL between them. */
    char body[64 + PAYLOAD_BYTES] = "f";
    size_t n = 2 + name_fill(body + 2, number) + 1;
    payload_fill(body + n, number);
    packet_begin(wire, SUBMIT_JOB_BG, n + PAYLOAD_BYTES);
    wire_put(wire, body, n + PAYLOAD_BYTES);
}

static void
ask(struct wire *wire, unsigned n)
{
    while (n-- > 0) {
        packet_begin(wire, GRAB_JOB, 0);
    }
}

static void
wait_for(struct wire *wire)
{
    packet_begin(wire, PRE_SLEEP, 0);
}

static void
end(struct wire *wire, const struct reply *task)
{
    packet_begin(wire, WORK_COMPLETE, task->name_bytes + 1);
    wire_put(wire, task->name, task->name_bytes + 1);
}

static void
read_reply(struct wire *wire, struct reply *reply)
{
    struct head head;
    size_t have = wire->in_end - wire->in_begin;
    *reply = (struct reply){.kind = REPLY_NONE, .count = 1};
    if (have < sizeof head) {
        return;
    }
    const char *at = wire->in + wire->in_begin;
    memcpy(&head, at, sizeof head);
    size_t bytes = ntohl(head.bytes);
    if (have < sizeof head + bytes) {
        return;
    }
    wire->in_begin += sizeof head + bytes;
    switch (ntohl(head.type)) {
    case JOB_CREATED:
        reply->kind = REPLY_STORED;
        break;
    case NO_JOB:
        reply->kind = REPLY_EMPTY;
        break;
    case NOOP:
        reply->kind = REPLY_WOKEN;
        break;
    case JOB_ASSIGN: { /* handle, function, payload; NUL between them */
        reply->kind = REPLY_TASK;
        reply->name = at + sizeof head;
        reply->name_bytes = strlen(reply->name);
        size_t before = reply->name_bytes + 1 + 2;
        reply->number = payload_number(reply->name + before, bytes - before);
        break;
    }
    default:
        need(false, "gearmand", "answered with something unexpected");
    }
}

const struct protocol gearmand = {
    .name = "gearmand",
    .hello = hello,
    .store = store,
    .ask = ask,
    .wait = wait_for,
    .end = end,
    .read = read_reply,
};
