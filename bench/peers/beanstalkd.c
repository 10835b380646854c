/* beanstalkd's protocol: lines of text. */
#include "bench/peers/wire.h"

#include <stdlib.h>
#include <string.h>

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
    /* Priority, no delay, 120 s to run. */
    wire_format(wire, "put 1024 0 120 %d\r\n", PAYLOAD_BYTES);
    wire_put(wire, payload, PAYLOAD_BYTES);
    wire_put(wire, "\r\n", 2);
}

static void
ask(struct wire *wire, unsigned n)
{
    static const char line[] = "reserve-with-timeout 0\r\n";
    while (n-- > 0) {
        wire_put(wire, line, sizeof line - 1);
    }
}

static void
wait_for(struct wire *wire)
{
    static const char line[] = "reserve-with-timeout 1\r\n";
    wire_put(wire, line, sizeof line - 1);
}

static void
end(struct wire *wire, const struct reply *task)
{
    wire_put(wire, "delete ", 7);
    wire_put(wire, task->name, task->name_bytes);
    wire_put(wire, "\r\n", 2);
}

static bool
begins(const char *line, size_t bytes, const char *word)
{
    return bytes >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
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
    size_t whole = bytes + 2;
    if (begins(line, bytes, "INSERTED ")) {
        reply->kind = REPLY_STORED;
    } else if (begins(line, bytes, "DELETED")) {
        reply->kind = REPLY_ENDED;
    } else if (begins(line, bytes, "TIMED_OUT")) {
        reply->kind = REPLY_EMPTY;
    } else if (begins(line, bytes, "RESERVED ")) {
        whole += PAYLOAD_BYTES + 2;
        if (wire->in_end - wire->in_begin < whole) {
            return;
        }
        reply->kind = REPLY_TASK;
        reply->name = line + strlen("RESERVED ");
        reply->name_bytes = strcspn(reply->name, " ");
        reply->number = payload_number(line + bytes + 2,
                                       strtoul(reply->name + reply->name_bytes, NULL, 10));
    } else {
        need(false, "beanstalkd", "answered with something unexpected");
    }
    wire->in_begin += whole;
}

const struct protocol beanstalkd = {
    .name = "beanstalkd",
    .ends_are_acknowledged = true,
    .wait_brings_task = true,
    .hello = hello,
    .store = store,
    .ask = ask,
    .wait = wait_for,
    .end = end,
    .read = read_reply,
};
