/* One message of a peer: who asks, what, and what the answer is. */
#ifndef BATON_FRONT_DISPATCH_H
#define BATON_FRONT_DISPATCH_H

#include "broker/front/front.h"

struct call {
    struct front *front;
    uint64_t peer;
    struct session *session; /* of the peer; NULL: it has none */
    const Baton__ToBroker *message;
    const uint8_t *packed; /* its frame, if packing it would give the same bytes … */
    size_t packed_bytes;   /* … else 0 */
    const char *actor;     /* never NULL */
    uint64_t digest;       /* of the request, when it is numbered */
    bool is_numbered;      /* the answer is to be remembered */
};

enum answered {
    ANSWER_NOW,        /* `reply` is the answer */
    ANSWER_NOW_FORGET, /* the same, and it is not worth remembering: asking again is harmless */
    ANSWER_SENT,       /* the handler has sent it */
    ANSWER_LATER,      /* it comes from the store, or when there is work */
};

/* Carries out one frame. */
void dispatch_frame(struct front *front, uint64_t peer, const uint8_t *data, size_t bytes);

/* ---- for handlers ---- */

/* Makes `reply` a refusal and returns ANSWER_NOW. `fmt` is the sentence. */
enum answered reply_refuse(const struct call *call, Baton__FromBroker *reply, Baton__Code code,
                           const char *field, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The core's refusal. */
enum answered reply_refuse_as(const struct call *call, Baton__FromBroker *reply,
                              const struct core_request *request);

/* For an answer that comes later: copies of what is needed for it. */
struct asker asker_of(const struct call *call);
/* Remembers the answer, if the request was numbered, and sends it. `tokens_of`: the leases that it
 * hands out, or NULL. */
void answer_asker(struct front *front, const struct asker *asker, const Baton__FromBroker *reply,
                  bool remember);

/* ---- the handlers; each of one operation ---- */

typedef enum answered handler(struct call *call, Baton__FromBroker *reply);
handler handle_hello, handle_ping, handle_bye, handle_credit;                         /* session */
handler handle_submit, handle_change, handle_pause, handle_resources, handle_project; /* queue */
handler handle_post, handle_cards;                                                    /* board */
handler handle_times;                                                       /* schedules */
handler handle_get, handle_why;                                             /* query */
handler handle_list;                                                        /* list */
handler handle_status, handle_workers;                                      /* status */
handler handle_events;                                                      /* events */
handler handle_gc;                                                          /* gc */
handler handle_backup;                                                      /* backup */
handler handle_lock;                                                        /* locks */
handler handle_take, handle_report;                                         /* work */
handler handle_metrics, handle_check_token, handle_budgets, handle_context; /* metrics */

#endif
