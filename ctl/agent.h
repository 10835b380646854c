/* What an agent's environment says: which task it runs and under which token. */
#ifndef BATON_CTL_AGENT_H
#define BATON_CTL_AGENT_H

#include "ctl/verbs.h"

/* Reads a token: a decimal number above 0. */
bool agent_token_parse(const char *text, uint64_t *ret_token);

/* The token of BATON_TOKEN, 0 when it is not set. False: it is not one; reported. */
bool agent_token_from_environment(struct ctl *ctl, uint64_t *ret_token);

/* The token of --token (`text`, may be NULL) or of the environment. False: none or wrong;
 * reported. */
bool agent_token(struct ctl *ctl, const char *text, uint64_t *ret_token);

/* Asks the broker whose lease a token is. CTL_YES and a view to be freed, or the status to return
 * (reported). */
int agent_view(struct ctl *ctl, uint64_t token, baton_token_view **ret_view);

#endif
