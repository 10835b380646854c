/* Names of gates: what stands in a dependency in place of a task, "signal:NAME", "decision:NAME"
 * or "deliverable:NAME" (a signal too). A gate is open while a card of that kind and name is in
 * force. Pure functions. */
#ifndef BATON_COMMON_GATE_NAME_H
#define BATON_COMMON_GATE_NAME_H

#include <stdbool.h>

/* The CardKind of the gate that a dependency names; 0: it names a task. *ret_name (may be NULL):
 * the name behind the prefix. */
int gate_name_kind(const char *id, const char **ret_name);

/* Writes the one form of a gate's name over it (never longer): "deliverable:Database Ready" becomes
 * "signal:database-ready". Leaves the id of a task as it is. */
void gate_name_settle(char *id);

/* Names that people write in several ways are one: "Database Ready!" becomes "database-ready", in
 * place. What is left may be empty. */
void slug_make(char *name);

#endif
