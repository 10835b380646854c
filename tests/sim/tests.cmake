# sim/: the deterministic simulation of the core against a naive model of docs/semantics.md.
if(TARGET baton_core)
  set(sim "${CMAKE_CURRENT_LIST_DIR}")
  add_executable(baton-sim
    ${sim}/main.c ${sim}/world.c ${sim}/generate.c ${sim}/message.c ${sim}/steps.c ${sim}/work.c ${sim}/question.c
    ${sim}/board.c ${sim}/lock.c ${sim}/board_handoff.c ${sim}/board_signal.c ${sim}/board_role.c ${sim}/board_decision.c ${sim}/board_incident.c ${sim}/board_status.c ${sim}/model_board.c
    ${sim}/measure.c ${sim}/budget.c ${sim}/board_schedule.c
    ${sim}/board_reservation.c
    ${sim}/check.c ${sim}/check_bytes.c ${sim}/exhaust.c ${sim}/shrink.c ${sim}/trace.c
    ${sim}/model.c ${sim}/model_order.c ${sim}/model_submit.c ${sim}/model_work.c ${sim}/model_change.c)
  target_link_libraries(baton-sim PRIVATE baton_core baton_common baton_proto PkgConfig::xxhash baton_flags)
  target_compile_options(baton-sim PRIVATE -Wno-switch-enum)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT BATON_SANITIZE)
    set(sim_commands 5000000)
  else()
    set(sim_commands 500000)
  endif()
  # Every history of so many steps (7: some 175,000 of them); more by hand.
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT BATON_SANITIZE)
    set(sim_depth 7)
  else()
    set(sim_depth 6)
  endif()
  add_test(NAME sim_exhaustive COMMAND baton-sim --exhaust ${sim_depth})
  set_tests_properties(sim_exhaustive PROPERTIES LABELS sim TIMEOUT 900)
  # Two halves, for two cores; BATON_SIM_COMMANDS (for each half) wins.
  foreach(half 1 2)
    add_test(NAME sim_${half} COMMAND sh -c
      "exec \"$<TARGET_FILE:baton-sim>\" --seed ${half}000000 --commands \"\${BATON_SIM_COMMANDS:-${sim_commands}}\" --twice")
    set_tests_properties(sim_${half} PROPERTIES LABELS sim TIMEOUT 900)
  endforeach()
endif()
