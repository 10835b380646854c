/* Measures, from the public structs to messages. */
#ifndef BATON_CLIENT_MEASURE_H
#define BATON_CLIENT_MEASURE_H

#include "baton.h"
#include "common/limits.h"

#include "client/record.h"

#include <wire.pb-c.h>

struct measure_messages {
    Baton__Measure measures[MEASURES_MAX];
    Baton__Measure *list[MEASURES_MAX];
    size_t n;
};

/* What is built points to the names and units given. False: more than MEASURES_MAX. */
bool measures_to_messages(const struct baton_measure *measures, size_t n,
                          struct measure_messages *ret);

/* What is built points into the messages. NULL: no memory. */
struct baton_budget *budgets_from_messages(struct record *record, Baton__BudgetView *const *m,
                                           size_t n);

#endif
