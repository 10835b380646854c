/* Findings. */
#include "worker/finding.h"

#include "common/buf.h"
#include "worker/clean.h"
#include "worker/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
finding_fini(struct finding *finding)
{
    free(finding->summary);
    free(finding->document);
    free(finding->wait_for);
    *finding = (struct finding){0};
}

struct finding
finding_say(enum finding_kind kind, baton_outcome outcome, const char *fmt, ...)
{
    char text[TITLE_BYTES_MAX * 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return (struct finding){.kind = kind,
                            .outcome = outcome,
                            .summary = clean_head(text, strlen(text), TITLE_BYTES_MAX, 1)};
}
