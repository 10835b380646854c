/* The state of the core, private to broker/core, and all that the files here offer each other. What
 * each part of the state is, and which function keeps it: task.h, model.h. */
#ifndef BATON_BROKER_CORE_STATE_H
#define BATON_BROKER_CORE_STATE_H

#include "broker/core/aside.h"
#include "broker/core/change.h"
#include "broker/core/counted.h"
#include "broker/core/graph.h"
#include "broker/core/model.h"
#include "broker/core/names.h"
#include "broker/core/ready.h"
#include "broker/core/task.h"
#include "broker/core/verbs.h"
#include "broker/core/view.h"

#endif
