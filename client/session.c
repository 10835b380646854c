/* A worker's session with the broker: see session.h. The table of its states is in
 * docs/protocol.md, "Of a worker".
 *
 * Order within a step matters: everything is sent before the last look for messages, since sending
 * may use up the edge of the descriptor that the caller waits on. */
#include "client/session.h"

#include "client/frame.h"
#include "client/lines.h"
#include "common/fields.h"
#include "common/limits.h"

enum {
    HELLO_MS = 2000, /* for a Welcome */
    BACKOFF_MS_MIN = 100,
    BACKOFF_MS_MAX = 5000,
    STEADY_MS = 3000, /* a session that lived so long was a good one */
    HEARTBEAT_MS_MIN = 50,
    HEARTBEAT_MS_MAX = 60 * 1000,
    SILENT_BEATS = 4,         /* without a word: the connection is dead */
    RESEND_MS = 5000,         /* a result that is not acknowledged */
    LEASE_MS_UNKNOWN = 30000, /* of leases from an earlier life: beaten often */
    SCAN_MS_MIN = 50,
    CREDIT_MS = 50, /* until credit is said anew while some is left */
    IDLE_MS_MAX = 1000,
};

/* Numbers of fields in proto/wire.proto. */
enum {
    FROM_BROKER_ID = 1,
    FROM_BROKER_ERROR = 2,
    PARTS = 1, /* of Assign and of Reported */
    ASSIGNMENT_PROJECT = 3,
    ASSIGNMENT_ID = 4,
    ASSIGNMENT_LEASE_MS = 7,
};

/* Begins anew on a new connection: what is under way on the old one is of no use. */
static void
session_down(struct baton_worker *w, int64_t now)
{
    w->tell_down |= w->state == SESSION_UP;
    w->state = SESSION_DOWN;
    w->credit_told = 0;
    w->greet_at = now;
    link_open(&w->link);
}

/* The same, but not at once if the last session was short: a broker that refuses us, or another
 * worker of our name, is not to be met in a loop. */
static void
session_refused(struct baton_worker *w, int64_t now)
{
    bool steady = w->state == SESSION_UP && now - w->up_at >= STEADY_MS;
    w->backoff_ms = steady ? BACKOFF_MS_MIN / 2
                           : MIN(MAX(w->backoff_ms * 2, BACKOFF_MS_MIN), BACKOFF_MS_MAX);
    session_down(w, now);
    w->greet_at = now + link_jitter(&w->link, w->backoff_ms);
}

static bool
send_message(struct baton_worker *w, const Baton__ToBroker *message, int64_t now)
{
    zmq_msg_t frame;
    if (frame_pack(message, NULL, &frame, &w->fault)) {
        return false;
    }
    if (!link_send(&w->link, &frame)) {
        zmq_msg_close(&frame);
        return false;
    }
    w->said_at = now;
    return true;
}

struct lease *
session_hold(struct baton_worker *w, uint64_t token, int64_t lease_ms, int64_t now)
{
    struct lease *lease = leases_add(&w->leases, token);
    if (lease) {
        lease->lease_ms = lease_ms > 0 ? lease_ms : LEASE_MS_UNKNOWN;
        lease->beat_at = now + lease->lease_ms / 3;
        w->scan_at = MIN(w->scan_at, lease->beat_at);
    }
    return lease;
}

void
session_report(struct baton_worker *w, struct lease *lease)
{
    leases_queue(&w->leases, lease);
    w->n_unreported++;
    /* As of the last step, which may be a while ago: then it is looked at once too often. */
    w->scan_at = MIN(w->scan_at, w->stepped_at + RESEND_MS);
}

/* Sends Hello with all that is held. */
static bool
greet(struct baton_worker *w, int64_t now)
{
    struct record *scratch = record_new(0, w->leases.n_held * 64 + 256);
    if (!scratch) {
        return false;
    }
    Baton__Hello hello = w->hello;
    hello.held = record_array(scratch, w->leases.n_held, sizeof *hello.held);
    size_t at = 0;
    for (struct lease *lease; hello.held && (lease = leases_each(&w->leases, &at));) {
        Baton__Held *held = record_alloc(scratch, sizeof *held);
        if (!held || hello.n_held == REPORT_LINES_MAX) {
            break;
        }
        *held = (Baton__Held)BATON__HELD__INIT;
        held->token = lease->token;
        held->started = lease->started;
        hello.held[hello.n_held++] = held;
        lease->say_started = false; /* it is told hereby */
        lease->result_id = 0;
    }
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.id = ++w->id;
    message.actor = w->actor;
    message.op_case = BATON__TO_BROKER__OP_HELLO;
    message.hello = &hello;
    bool sent = !scratch->failed && send_message(w, &message, now);
    record_free(scratch);
    if (sent) {
        w->state = SESSION_GREETING;
        w->hello_id = message.id;
        w->greet_at = now + link_jitter(&w->link, HELLO_MS);
    }
    return sent;
}

/* When the credit is to be said; INT64_MAX: the broker knows it. More is said when the last credit
 * is used up, or has been there unused for a while: one message for many ended tasks. */
static int64_t
credit_at(const struct baton_worker *w, uint32_t *ret_due)
{
    uint32_t due = w->credit_wanted - MIN(w->credit_wanted, w->n_fresh);
    *ret_due = due;
    if (due == w->credit_told) {
        return INT64_MAX;
    }
    return due > w->credit_told && w->credit_told > 0 ? w->credit_said_at + CREDIT_MS : 0;
}

static bool
send_credit(struct baton_worker *w, int64_t now)
{
    uint32_t due;
    if (credit_at(w, &due) > now) {
        return true;
    }
    Baton__Credit credit = BATON__CREDIT__INIT;
    credit.slots = due;
    credit.arrived = w->arrived; /* tasks that are on their way use it up too */
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_CREDIT; /* no id: nobody waits for the answer */
    message.credit = &credit;
    if (!send_message(w, &message, now)) {
        return false;
    }
    w->credit_told = due;
    w->credit_said_at = now;
    return true;
}

/* Sends the lines that are due, in as few reports as may be. */
static bool
send_reports(struct baton_worker *w, int64_t now)
{
    while (w->leases.first) {
        buf_clear(&w->body);
        uint64_t id = ++w->id;
        int n_lines = 0;
        struct lease *lease;
        while (n_lines <= REPORT_LINES_MAX - LINES_A_LEASE_MAX &&
               w->body.bytes < REPORT_BYTES_WANTED && (lease = leases_unqueue(&w->leases))) {
            int n = lease_say(lease, id, now, &w->body);
            if (n < 0) {
                leases_queue(&w->leases, lease);
                break;
            }
            n_lines += n;
        }
        if (n_lines == 0) {
            return !w->leases.first;
        }
        zmq_msg_t frame;
        if (!report_frame(id, &w->body, &frame)) {
            return false;
        }
        if (!link_send(&w->link, &frame)) {
            zmq_msg_close(&frame);
            return false;
        }
        w->said_at = now;
    }
    return true;
}

static bool
send_ping(struct baton_worker *w, int64_t now)
{
    Baton__Ping ping = BATON__PING__INIT;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.id = ++w->id;
    message.op_case = BATON__TO_BROKER__OP_PING;
    message.ping = &ping;
    return send_message(w, &message, now);
}

/* Marks the leases that are to be renewed and the results that are to be sent again. Leases that
 * are nearly due are taken along, so that they stay together in few reports. */
static void
scan(struct baton_worker *w, int64_t now)
{
    int64_t next = INT64_MAX;
    size_t at = 0;
    for (struct lease *lease; (lease = leases_each(&w->leases, &at));) {
        int64_t due = lease->line ? lease->said_at + RESEND_MS : lease->beat_at;
        int64_t early = lease->line ? RESEND_MS / 4 : lease->lease_ms / 12;
        if (due - early <= now) {
            lease->say_result = lease->line != NULL;
            lease->say_beat = !lease->line;
            leases_queue(&w->leases, lease);
            lease->beat_at = now + lease->lease_ms / 3;
            due = lease->line ? now + RESEND_MS : lease->beat_at;
        }
        next = MIN(next, due);
    }
    w->scan_at = MAX(next, now + SCAN_MS_MIN);
}

static void
welcome(struct baton_worker *w, const Baton__Welcome *m, int64_t now)
{
    w->state = SESSION_UP;
    w->up_at = now;
    w->epoch = m->epoch;
    w->heartbeat_ms = MIN(MAX(m->heartbeat_ms, HEARTBEAT_MS_MIN), HEARTBEAT_MS_MAX);
    w->credit_told = 0;
    w->arrived = 0;
    size_t at = 0;
    for (struct lease *lease; (lease = leases_each(&w->leases, &at));) {
        lease->beat_at = now + lease->lease_ms / 3; /* announced is renewed */
        if (lease->line) {
            lease->say_result = true;
            leases_queue(&w->leases, lease);
        }
    }
    w->scan_at = now; /* looks at all of them and finds the next time */
}

/* What is to be known of an assignment before it is unpacked. */
static void
assigned_one(struct baton_worker *w, const struct field *task, int64_t now)
{
    uint64_t token = 0;
    int64_t lease_ms = 0;
    struct field field, project = {0}, id = {0};
    size_t pos = 0;
    while (pos < task->bytes && field_next(task->data, task->bytes, &pos, &field)) {
        switch (field.number) {
        case ASSIGNMENT_TOKEN:
            token = field.value;
            break;
        case ASSIGNMENT_PROJECT:
            project = field;
            break;
        case ASSIGNMENT_ID:
            id = field;
            break;
        case ASSIGNMENT_LEASE_MS:
            lease_ms = (int64_t)field.value;
            break;
        default:
            break;
        }
    }
    if (token == 0 || leases_knows(&w->leases, token)) {
        return; /* it came twice */
    }
    struct lease *lease = session_hold(w, token, lease_ms, now);
    if (!lease) {
        return; /* not started in time, it goes back to the queue */
    }
    if (!lease_set_name(lease, &project, &id)) {
        leases_end(&w->leases, lease);
        return;
    }
    lease->fresh = true;
    w->n_fresh++;
    w->credit_told -= w->credit_told > 0;
}

/* Registers all that is assigned at once, so that a Hello would announce it. */
static void
assigned(struct baton_worker *w, const struct parts *tasks, int64_t now)
{
    struct field task;
    for (size_t pos = 0;
         pos < tasks->bytes && field_next(tasks->data, tasks->bytes, &pos, &task);) {
        if (task.number == PARTS && task.wire_type == FIELD_SIZED) {
            w->arrived++;
            assigned_one(w, &task, now);
        }
    }
}

/* Is it a message that is handed out in parts? */
static bool
find_parts(const uint8_t *data, size_t bytes, struct parts *ret_parts)
{
    struct parts parts = {0};
    struct field field;
    size_t pos = 0;
    while (pos < bytes && field_next(data, bytes, &pos, &field)) {
        if (field.number == FROM_BROKER_ID) {
            parts.id = field.value;
        } else if (field.number == FROM_BROKER_ERROR) {
            return false;
        } else if (field.wire_type == FIELD_SIZED &&
                   (field.number == FROM_BROKER_ASSIGN || field.number == FROM_BROKER_REPORTED)) {
            parts.op = field.number;
            parts.data = field.data;
            parts.bytes = field.bytes;
        }
    }
    *ret_parts = parts;
    return parts.data && pos == bytes;
}

/* What an error means for the session. True: the caller is to know. */
static bool
refused(struct baton_worker *w, const Baton__FromBroker *m, int64_t now)
{
    if (m->error->code == BATON__CODE__CODE_HELLO_FIRST) {
        if (w->state == SESSION_UP) {
            session_refused(w, now);
        }
        return false;
    }
    bool of_hello = w->state == SESSION_GREETING &&
                    (m->id == w->hello_id ||
                     (m->id == 0 && m->error->code == BATON__CODE__CODE_VERSION));
    if (!of_hello) {
        return false; /* of a report: its results are sent again */
    }
    session_refused(w, now);
    w->greet_at = MAX(w->greet_at, now + MIN(m->error->retry_after_ms, BACKOFF_MS_MAX));
    switch ((int)m->error->code) {
    case BATON__CODE__CODE_BUSY:
    case BATON__CODE__CODE_FULL:
    case BATON__CODE__CODE_PAUSED:
    case BATON__CODE__CODE_INTERNAL:
        return false;
    default:
        w->greet_at = now + BACKOFF_MS_MAX;
        return true;
    }
}

/* Takes a message that is not handed out in parts. */
static enum session_step
take_message(struct baton_worker *w, int64_t now, baton_status *ret_refused)
{
    record_reset(w->in);
    const Baton__FromBroker *m = NULL;
    baton_status status = frame_unpack(&w->frame, w->in, &w->fault, &m);
    if (status == BATON_NO_MEMORY) {
        return STEP_NO_MEMORY;
    }
    if (status) {
        return STEP_MORE; /* not for us to read: dropped, the fault remembers */
    }
    if (m->error) {
        if (refused(w, m, now)) {
            *ret_refused = fault_take(&w->fault, m->error);
            return STEP_REFUSED;
        }
        return STEP_MORE;
    }
    if (m->op_case == BATON__FROM_BROKER__OP_PONG) {
        if (w->state == SESSION_UP && m->pong->epoch != w->epoch) {
            session_down(w, now);
        }
        return STEP_MORE;
    }
    if (m->op_case == BATON__FROM_BROKER__OP_WELCOME) {
        if (w->state != SESSION_GREETING || m->id != w->hello_id) {
            return STEP_MORE;
        }
        welcome(w, m->welcome, now);
    }
    w->message = m;
    w->at = 0;
    return STEP_MORE;
}

/* Takes the message that is there, to be handed out. */
static enum session_step
receive(struct baton_worker *w, int64_t now, baton_status *ret_refused)
{
    if (!link_receive(&w->link, &w->frame)) {
        return STEP_MORE; /* it was not of our form */
    }
    w->heard_at = now;
    const uint8_t *data = zmq_msg_data(&w->frame);
    size_t bytes = zmq_msg_size(&w->frame);
    struct parts parts;
    if (frame_check(data, bytes, &w->fault) == BATON_OK &&
        find_parts(data + PREAMBLE_BYTES, bytes - PREAMBLE_BYTES, &parts)) {
        w->parts = parts;
        if (parts.op == FROM_BROKER_ASSIGN) {
            assigned(w, &parts, now);
        }
        return STEP_MORE;
    }
    return take_message(w, now, ret_refused);
}

/* Sends everything that is due. False: the connection is gone. */
static bool
send_due(struct baton_worker *w, int64_t now)
{
    switch (w->state) {
    case SESSION_DOWN:
        if (now >= w->greet_at && (link_events(&w->link) & ZMQ_POLLOUT)) {
            return greet(w, now);
        }
        return true;
    case SESSION_GREETING:
        if (now >= w->greet_at) {
            session_refused(w, now); /* no answer: again, on a new connection */
        }
        return true;
    case SESSION_UP:
        break;
    }
    if (now >= w->scan_at) {
        scan(w, now);
    }
    return send_reports(w, now) && send_credit(w, now) &&
           (now < w->said_at + w->heartbeat_ms || send_ping(w, now));
}

/* Nothing has come for so long that the connection counts as dead. Not if the caller was away:
 * then the broker may have been silent because we were. */
static bool
is_silent(struct baton_worker *w, int64_t now, int64_t stepped_at)
{
    if (w->state != SESSION_UP) {
        return false;
    }
    if (now - stepped_at > w->heartbeat_ms) {
        w->heard_at = now;
    }
    return now - w->heard_at > SILENT_BEATS * w->heartbeat_ms;
}

enum session_step
session_step(struct baton_worker *w, int64_t now, baton_status *ret_refused)
{
    int64_t stepped_at = w->stepped_at;
    w->stepped_at = now;
    if (!w->link.socket && !link_open(&w->link)) {
        fault_set(&w->fault, BATON_NO_MEMORY, "no memory or descriptors left for a socket");
        return STEP_NO_MEMORY;
    }
    if (!send_due(w, now)) {
        session_down(w, now);
        return STEP_MORE;
    }
    int events = link_events(&w->link);
    if (events & ZMQ_POLLIN) {
        return receive(w, now, ret_refused);
    }
    bool lost = w->state != SESSION_DOWN && !(events & ZMQ_POLLOUT);
    if (lost || is_silent(w, now, stepped_at)) {
        session_down(w, now);
        return STEP_MORE;
    }
    bool may_greet = w->state == SESSION_DOWN && (events & ZMQ_POLLOUT) && now >= w->greet_at;
    return may_greet ? STEP_MORE : STEP_IDLE;
}

int64_t
session_wake_at(struct baton_worker *w)
{
    int64_t now = clock_ms();
    if (w->state == SESSION_DOWN) {
        return w->greet_at > now ? w->greet_at : now + IDLE_MS_MAX;
    }
    if (w->state == SESSION_GREETING) {
        return w->greet_at;
    }
    if (w->leases.first) {
        return now;
    }
    uint32_t due;
    int64_t wake_at = MIN(w->scan_at, credit_at(w, &due));
    wake_at = MIN(wake_at, w->heard_at + SILENT_BEATS * w->heartbeat_ms + 1);
    return MIN(wake_at, w->said_at + w->heartbeat_ms);
}

void
session_bye(struct baton_worker *w)
{
    Baton__Bye bye = BATON__BYE__INIT;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_BYE;
    message.bye = &bye;
    if (w->state == SESSION_UP) {
        send_message(w, &message, clock_ms());
    }
}

bool
session_part(struct baton_worker *w, struct field *ret_part)
{
    struct parts *parts = &w->parts;
    size_t pos = parts->at;
    while (pos < parts->bytes && field_next(parts->data, parts->bytes, &pos, ret_part)) {
        if (ret_part->number == PARTS && ret_part->wire_type == FIELD_SIZED) {
            return true;
        }
        parts->at = pos;
    }
    *parts = (struct parts){0};
    return false;
}

void
session_part_done(struct baton_worker *w, const struct field *part)
{
    w->parts.at = (size_t)(part->data + part->bytes - w->parts.data);
}
