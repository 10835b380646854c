/* Every bound on what comes from outside, in one place. docs/protocol.md prints this table; a test
 * compares. */
#ifndef BATON_COMMON_LIMITS_H
#define BATON_COMMON_LIMITS_H

enum {
    MESSAGE_BYTES_MAX = 16 * 1024 * 1024, /* one message, either way */
    ID_BYTES_MAX = 128,                   /* task ids */
    NAME_BYTES_MAX = 128,        /* projects, resources, workers, fairness keys, labels' names */
    KEY_BYTES_MAX = 256,         /* unique keys, labels' values, traceparent */
    TITLE_BYTES_MAX = 1024,      /* titles, reasons, summaries, progress texts */
    TEXT_BYTES_MAX = 256 * 1024, /* prompts */
    PAYLOAD_BYTES_MAX = 256 * 1024,
    DOCUMENT_BYTES_MAX = 256 * 1024, /* result documents */
    OUTPUT_TAIL_BYTES_MAX = 8 * 1024,
    SPEC_BYTES_MAX = 1024 * 1024, /* a whole task, packed */
    ARGS_MAX = 256,               /* of a command, and variables of env */
    ARG_BYTES_MAX = 64 * 1024,
    EDGES_MAX = 16 * 1024,     /* dependencies of one task */
    CLAIMS_MAX = 64,           /* resources of one task */
    PATH_NAME_BYTES_MAX = 512, /* resources that are paths, with "path:" */
    PATH_DEPTH_MAX = 32,       /* parts of such a path */
    LABELS_MAX = 64,
    SUBMIT_TASKS_MAX = 200 * 1000,
    CHANGE_TASKS_MAX = 10 * 1000, /* tasks named in one Change */
    REPORT_LINES_MAX = 10 * 1000,
    SLOTS_MAX = 10 * 1000, /* of one worker */
    CLIENT_BYTES_MAX = 64, /* Request.client */
    ATTEMPTS_MAX = 1000,
    ATTEMPTS_KEPT = 16,
    ORPHANS_KEPT = 4,
    CAPACITY_MAX = 1000 * 1000,
    RESOURCES_MAX = 100 * 1000,
    PROJECTS_MAX = 10 * 1000,
    PAUSES_MAX = 1000,        /* at a time */
    WORKERS_MAX = 100 * 1000, /* names ever seen */
    SESSIONS_MAX = 10 * 1000,
    TASKS_MAX = 20 * 1000 * 1000, /* in memory */
    CONFIRM_BYTES = 16,           /* of a token that confirms a dry run, in hex */
    NAMED_MAX = 1000,             /* tasks named in one answer's list */
    PAGE_MAX = 10 * 1000,
    TAKE_WAIT_MS_MAX = 45 * 1000,
    SPAWN_DEPTH_MAX = 6,
    SPAWN_FANOUT_MAX = 50,
    UPSTREAM_BYTES_MAX = 256 * 1024,
    PRIORITY_WEIGHT_MAX = 1000,
    SUBMIT_CARDS_MAX = 1000,
    FORWARD_TARGET_MS = 24 * 60 * 60 * 1000, /* for a task that others wait for to be added */
    NOTE_BYTES_MAX = 2048,                   /* for the next attempt of a task */
    CARDS_MAX = 20 * 1000,                   /* open cards on the board, rules too */
    CARDS_PAGE = 1000,                       /* cards of one answer */
    CARDS_ENDED_KEPT = 20 * 1000,            /* ended ones in memory */
    CARD_BYTES_MAX = 256 * 1024,             /* one card, packed */
    CARD_TEXT_BYTES_MAX = 64 * 1024,         /* its text, its outcome, the text of an item */
    CARD_ITEMS_MAX = 500,
    DECISIONS_GIVEN = 200,                /* with a task, at most */
    ROLE_HANDOFFS_GIVEN = 50,             /* … of those that are of no task */
    CARD_TAG_BYTES_MAX = 32,              /* tags and units of items */
    SCHEDULE_NAME_BYTES_MAX = 100,        /* a task's id is this and a time */
    SCHEDULE_OPEN_MAX = 200,              /* occurrences of one schedule that have not ended */
    SCHEDULE_MISSED_MAX = 100,            /* occurrences that are made up for */
    SCHEDULE_TIMES_MAX = 1000,            /* in one answer */
    CARDS_ANSWER_BYTES = 4 * 1024 * 1024, /* of cards in one answer, about */
    MEASURES_MAX = 16,                    /* of one report */
    MEASURES_KEPT = 32,                   /* names that a task knows */
    MEASURE_NAME_BYTES_MAX = 64,
    MEASURE_SUMS_MAX = 20 * 1000,    /* names by project and role that are summed */
    METRIC_HOURS_MAX = 744,          /* hours of a window: 31 days */
    METRIC_BUCKETS_MAX = 100 * 1000, /* hours of all projects and roles together */
    METRICS_ANSWER_BYTES = 8 * 1024 * 1024,
    BUDGETS_MAX = 200,
    BUDGET_LIMITS_MAX = 8,  /* of one budget */
    BUDGET_HOLDS_MAX = 256, /* limits that one running task uses */
    BUDGETS_GIVEN = 16,     /* with a task, at most */
};

/* A measure is within this of 0. */
#define MEASURE_MAX 1e15

/* A limit of a budget is at most this. */
#define BUDGET_MAX 1e12

/* A handoff that nobody has answered for so long counts against whoever gave it. */
#define HANDOFF_ANSWER_MS INT64_C(86400000) /* 24 h */

/* Defaults of the clocks on cards. */
#define BLOCKER_TARGET_MS INT64_C(14400000) /* 4 h */
#define REVIEW_MS INT64_C(86400000)         /* for the reviewers of a decision: 24 h */

/* An occurrence that comes later than this was missed. */
#define SCHEDULE_LATE_MS INT64_C(60000)

/* For how long the archive keeps the records of done, cancelled and aborted tasks, and of failed
 * and expired ones. */
#define KEEP_ENDED_MS INT64_C(7776000000)   /* 90 d */
#define KEEP_FAILED_MS INT64_C(31536000000) /* 1 y */

/* Durations and times that are further away are mistakes (ten years; the year 9999). */
#define DURATION_MS_MAX INT64_C(315360000000)
#define TIME_MS_MAX INT64_C(253402300799999)

#endif
