/* Lines "name: value" for people, of which the verbs on one thing are made. */
#ifndef BATON_CTL_SAY_H
#define BATON_CTL_SAY_H

#include "ctl/verbs.h"

/* "name        value"; nothing when the value is empty. Text is made safe. */
void say(struct ctl *ctl, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A time with how long ago or how far away it is; nothing for 0. */
void say_time(struct ctl *ctl, const char *name, int64_t ms);

/* A duration; nothing for 0. */
void say_duration(struct ctl *ctl, const char *name, int64_t ms);

/* Text of more lines: the name, then each line indented; nothing when it is empty. */
void say_block(struct ctl *ctl, const char *name, const char *text);

/* "in 5m" or "5m ago". Returns out. */
const char *when_format(int64_t ms, int64_t now, char *out, size_t room);

#endif
