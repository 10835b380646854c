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

void
feed_publish(struct feed *feed, uint64_t durable)
{
    uint32_t n;
    while (window_publish(feed->window, &feed->cursor, durable, &feed->batch, &n)) {
        feed->n_published += n;
        zmq_msg_t message;
        CHECK(zmq_msg_init_size(&message, WIRE_PREAMBLE_BYTES + feed->batch.bytes) == 0);
        uint8_t *data = zmq_msg_data(&message);
        memcpy(data, wire_preamble, WIRE_PREAMBLE_BYTES);
        memcpy(data + WIRE_PREAMBLE_BYTES, feed->batch.data, feed->batch.bytes);
        /* PUB never blocks: it drops for subscribers that are full. */
        if (zmq_send(feed->socket, topic, sizeof topic - 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
            zmq_msg_send(&message, feed->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
        }
    }
}
