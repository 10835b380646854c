/* The end of a turn: everything that the core left behind goes where it belongs. */
#ifndef BATON_FRONT_TURN_H
#define BATON_FRONT_TURN_H

#include "broker/front/front.h"

/* Hands the turn's facts to the store as one batch, queues what was said behind it, and sends what
 * has become durable. */
void turn_end(struct front *front);
/* Sends what has become durable. */
void turn_release(struct front *front);

#endif
