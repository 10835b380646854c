/* What the loop has to do with the exporter: begin and end it, give it samples of the queue, log
 * how it does. */
#ifndef BATON_FRONT_EXPORTING_H
#define BATON_FRONT_EXPORTING_H

#include "broker/front/front.h"

enum { EXPORT_LOOK_MS = 1000 };

/* After recovery. Nothing, if it is off. */
void exporting_begin(struct front *front);
/* Once a turn. */
void exporting_run(struct front *front);
/* False: its thread did not end, and may yet use the store. */
bool exporting_end(struct front *front) MUST_CHECK;
/* The options have changed, perhaps the server's place or its password too: it connects anew. */
void exporting_change(struct front *front);
/* For the status, in the turn's arena; NULL: it is off. */
Baton__ExporterStatus *exporting_view(struct front *front);

#endif
