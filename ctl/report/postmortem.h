/* The post-mortem of an incident: one for `baton incident postmortem` and for reports. */
#ifndef BATON_CTL_REPORT_POSTMORTEM_H
#define BATON_CTL_REPORT_POSTMORTEM_H

#include "ctl/report/report.h"

struct moment {
    int64_t at;
    size_t order; /* of those of one time */
    char *what;   /* owned */
};

struct postmortem_role {
    const struct report_item *item; /* "summoned"; borrowed */
    int64_t called_at;
    bool late; /* answered when its time was over, or not at all in it */
};

struct postmortem {
    const struct report_card *card; /* borrowed */
    int64_t end;                    /* of the incident; if it is open: of what was read */
    struct moment *moments;         /* owned; by time */
    size_t n_moments;
    struct postmortem_role *roles; /* owned; in the order in which they were called */
    size_t n_roles;
    size_t n_waiting; /* roles that have not answered */
    bool late;        /* one of them was */
};

/* Of this incident of `data`; borrows it. */
void postmortem_make(const struct report_data *data, const struct report_card *card,
                     struct postmortem *ret);
void postmortem_fini(struct postmortem *pm);

/* "in time", "too late", "awaited", "not needed" (it was over before). */
const char *postmortem_answer(const struct postmortem *pm);
/* "accepted after 5m", "no answer in time". Returns out. */
const char *postmortem_role_text(const struct postmortem_role *role, char *out, size_t room);

/* The caller's reference. */
json_t *postmortem_json(const struct postmortem *pm);
/* Adds it as a section. */
void postmortem_section(json_t *doc, const struct report_data *data, const struct postmortem *pm);

#endif
