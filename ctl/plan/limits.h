/* Bounds on plan files, over those of common/limits.h on what they say. */
#ifndef BATON_CTL_PLAN_LIMITS_H
#define BATON_CTL_PLAN_LIMITS_H

enum {
    PLAN_YAML_BYTES_MAX = 16 * 1024 * 1024, /* one YAML file */
    PLAN_DATA_BYTES_MAX = 64 * 1024 * 1024, /* one file of another format */
    PLAN_LINE_BYTES_MAX = 1024 * 1024,      /* one line of YAML, TSV, JSONL */
    PLAN_SCALAR_BYTES_MAX = 1024 * 1024,    /* one value, of any kind */
    PLAN_NESTING_MAX = 64,                  /* maps and lists within each other */
    PLAN_NODES_MAX = 2 * 1000 * 1000,       /* values of one file */
    PLAN_ERRORS_KEPT = 20,                  /* then they are only counted */
    PLAN_WARNINGS_KEPT = 20,
    PLAN_COLUMNS_MAX = 64,       /* of a TSV file */
    PLAN_ROLE_RULES_MAX = 10000, /* lines of a role map */
    PLAN_RESOURCES_MAX = 4096,   /* capacities */
    PLAN_CYCLE_NAMED_MAX = 1000, /* tasks printed of one cycle */
    PLAN_FORWARD_NAMED_MAX = 1000,
};

#endif
