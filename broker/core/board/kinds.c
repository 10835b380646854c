/* Every kind of card there is. */
#include "broker/core/board/board.h"

const struct card_kind *const card_kinds[CARD_KINDS_N] = {
    [KIND(RESERVATION)] = &card_reservation,
    [KIND(HANDOFF)] = &card_handoff,
    [KIND(SIGNAL)] = &card_signal,
    [KIND(BLOCKER)] = &card_blocker,
    [KIND(DECISION)] = &card_decision,
    [KIND(INCIDENT)] = &card_incident,
    [KIND(STATUS)] = &card_status,
    [KIND(AREA)] = &card_area,
    [KIND(LEVEL)] = &card_level,
    [KIND(TARGET)] = &card_target,
    [KIND(SCHEDULE)] = &card_schedule,
    [KIND(BUDGET)] = &card_budget,
    [KIND(ROLE)] = &card_role,
};
