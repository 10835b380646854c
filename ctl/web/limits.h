/* Every bound of the web server. */
#ifndef BATON_CTL_WEB_LIMITS_H
#define BATON_CTL_WEB_LIMITS_H

enum {
    WEB_PORT = 9464,
    WEB_CONNECTIONS_MAX = 64,
    WEB_CONNECTION_BYTES = 32 * 1024, /* of a connection's memory: the request line and headers */
    WEB_IDLE_S = 10,                  /* a connection without a byte either way is closed */
    WEB_BACKLOG = 64,
    WEB_ANSWER_MS = 2000,   /* of the broker, unless --timeout says otherwise */
    WEB_FRESH_MS = 1000,    /* the broker is asked once in this time, whoever asks us */
    WEB_WINDOW_DAYS = 7,    /* of the agents' metrics */
    WEB_BUDGETS_MAX = 100,  /* named in metrics; how many are spent is always told */
    WEB_PROJECTS_MAX = 100, /* named in metrics; how many there are is always told */
};

#endif
