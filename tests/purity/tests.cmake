add_test(NAME purity_core COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/purity/check-core $<TARGET_FILE:baton_core>)
add_test(NAME purity_layers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/purity/check-layers)
add_test(NAME purity_events COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/purity/check-events)
set_tests_properties(purity_core purity_layers purity_events PROPERTIES LABELS purity TIMEOUT 60)
