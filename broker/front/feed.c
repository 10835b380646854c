#include "broker/front/feed.h"

#include "broker/front/wire.h"
#include "common/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static const char topic[] = "events";

bool
feed_open(struct feed *feed, void *context, const char *endpoint, struct window *window,
          char *error, size_t error_room)
{
    *feed = (struct feed){.window = window};
    void *socket = zmq_socket(context, ZMQ_PUB);
    int messages_max = FEED_MESSAGES_MAX;
    int linger_ms = 0;
    int64_t request_bytes = 1024; /* subscribers send nothing but topics */
    if (!socket || zmq_setsockopt(socket, ZMQ_SNDHWM, &messages_max, sizeof messages_max) != 0 ||
        zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0 ||
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &request_bytes, sizeof request_bytes) != 0 ||
        zmq_bind(socket, endpoint) != 0) {
        snprintf(error, error_room, "can't listen on %s: %s", endpoint, zmq_strerror(errno));
        if (socket) {
            zmq_close(socket);
        }
        return false;
    }
    feed->socket = socket;
    return true;
}

void
feed_close(struct feed *feed, int linger_ms)
{
    if (feed->socket) {
        (void)zmq_setsockopt(feed->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(feed->socket);
    }
    buf_fini(&feed->batch);
    *feed = (struct feed){0};
}

/* ZeroMQ frees a message at once, in the sender's thread, when there is nobody to take it: no
 * subscriber, or only such that are full. One that is taken is freed later, in ZeroMQ's thread. So
 * the topic, which goes ahead, tells whether the events behind it need be packed. */
static _Thread_local bool was_freed;

static void
free_topic(void *data, void *hint)
{
    (void)data;
    (void)hint;
    was_freed = true;
}

/* Begins a message, and ends it if nobody takes it. */
static bool
send_topic(struct feed *feed)
{
    zmq_msg_t message;
    CHECK(zmq_msg_init_data(&message, (void *)(uintptr_t)topic, sizeof topic - 1, free_topic,
                            NULL) == 0);
    was_freed = false;
    if (zmq_msg_send(&message, feed->socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&message);
        return false;
    }
    if (was_freed) {
        (void)zmq_send(feed->socket, NULL, 0, ZMQ_DONTWAIT);
        return false;
    }
    return true;
}

/* PUB never blocks: it drops for subscribers that are full. */
static void
send_batch(struct feed *feed)
{
    zmq_msg_t message;
    CHECK(zmq_msg_init_size(&message, WIRE_PREAMBLE_BYTES + feed->batch.bytes) == 0);
    uint8_t *data = zmq_msg_data(&message);
    memcpy(data, wire_preamble, WIRE_PREAMBLE_BYTES);
    memcpy(data + WIRE_PREAMBLE_BYTES, feed->batch.data, feed->batch.bytes);
    if (zmq_msg_send(&message, feed->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&message);
    }
}

void
feed_publish(struct feed *feed, uint64_t durable)
{
    while (window_has_news(feed->window, durable)) {
        if (!send_topic(feed)) {
            feed->n_published += window_pass(feed->window, &feed->cursor, durable);
            return;
        }
        feed->n_published += window_publish(feed->window, &feed->cursor, durable, &feed->batch);
        send_batch(feed);
    }
}
