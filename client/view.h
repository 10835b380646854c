/* Tasks, results and assignments as the broker tells them, from messages to public structs. What
 * is built points into the message, which lives in the same record. False: no memory. */
#ifndef BATON_CLIENT_VIEW_H
#define BATON_CLIENT_VIEW_H

#include "client/spec.h"

bool task_from_message(struct record *record, const Baton__TaskView *message, baton_task *ret_task);
/* A Result. */
extern const struct layout result_layout;
/* NULL: no memory. */
Baton__Result *result_to_message(struct record *record, const struct baton_result *result);
struct baton_result result_from_message(struct record *record, const Baton__Result *message);

enum made { MADE, NOT_MADE_NO_MEMORY, NOT_MADE_UNREADABLE };

/* Makes an assignment's own record: of a packed Assignment, or of a message, by way of its bytes.
 */
enum made assignment_read(size_t bytes, const uint8_t *data, baton_assignment **ret_assignment);
enum made assignment_from_message(const Baton__Assignment *message,
                                  baton_assignment **ret_assignment);

#endif
