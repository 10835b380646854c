/* A broker that a test plays by hand: a real ROUTER (and XPUB) on ipc in a directory of its own.
 * What a script does wrong aborts the program (CHECK), so scripts may run in a thread of their own.
 */
#ifndef BATON_TESTS_CLIENT_FAKE_H
#define BATON_TESTS_CLIENT_FAKE_H

#include "common/check.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <wire.pb-c.h>
#include <zmq.h>

/* protobuf-c's structs have `char *` where they only read. */
static inline char *
text(const char *s)
{
    return (char *)(uintptr_t)s;
}

struct fake {
    char dir[64];
    char endpoint[96]; /* of the ROUTER */
    char feed[96];     /* of the XPUB */
    void *context;
    void *router; /* NULL while stopped */
    void *pub;
    int64_t heartbeat_ms; /* for Welcome; 0: 5,000 */
    pthread_t thread;
    void (*script)(struct fake *);
};

/* One message that came in. */
struct heard {
    uint8_t peer[64]; /* routing id */
    size_t peer_bytes;
    uint8_t *bytes; /* the whole frame; owned */
    size_t n_bytes;
    Baton__ToBroker *m; /* owned; NULL: could not be unpacked */
};

void fake_init(struct fake *fake);
void fake_fini(struct fake *fake);
/* As a broker that dies, and as one that is started again. */
void fake_stop(struct fake *fake);
void fake_start(struct fake *fake);

/* Waits for a message (10 s at most, then the test is over). Free with heard_free. */
struct heard *fake_hear(struct fake *fake);
/* The same, and CHECKs that it has this op; pings on the way are answered. */
struct heard *fake_hear_op(struct fake *fake, Baton__ToBroker__OpCase op);
/* True: a message came within ms; it is dropped. */
bool fake_hears(struct fake *fake, int ms);
void heard_free(struct heard *heard);
bool heard_same_peer(const struct heard *a, const struct heard *b);

/* Answers `to` with its id. */
void fake_answer(struct fake *fake, const struct heard *to, Baton__FromBroker *m);
/* Sends with the id that m has. */
void fake_tell(struct fake *fake, const struct heard *to, const Baton__FromBroker *m);
void fake_error(struct fake *fake, const struct heard *to, Baton__Code code, const char *sentence);
void fake_raw(struct fake *fake, const struct heard *to, const void *bytes, size_t n);
/* Waits until somebody has subscribed to the events. */
void fake_subscribed(struct fake *fake);
/* Publishes events from..to, task events named "t<number>". */
void fake_publish(struct fake *fake, uint64_t from, uint64_t to);
/* Answers an EventsAfter (or gives it as it is) with events from..to. */
void fake_events(struct fake *fake, const struct heard *ask, uint64_t from, uint64_t to,
                 uint64_t newest);
/* Answers a Hello. */
void fake_welcome(struct fake *fake, const struct heard *hello, uint64_t epoch, uint64_t event);

/* Runs the script in a thread, and waits for its end. */
void fake_run(struct fake *fake, void (*script)(struct fake *));
void fake_join(struct fake *fake);

#endif
