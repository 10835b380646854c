/* Where a broker listens: which forms are taken. */
#ifndef BATON_CLIENT_ENDPOINT_H
#define BATON_CLIENT_ENDPOINT_H

#include "client/fault.h"

/* BATON_OK, or BATON_BAD_ARGUMENT with a sentence in `fault`. */
baton_status endpoint_check(const char *endpoint, struct fault *fault);

#endif
