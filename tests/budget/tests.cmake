# Instructions a task may cost. Only of what is shipped: other builds are slower by design.
find_program(VALGRIND valgrind)
if(VALGRIND AND TARGET core_bench AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT BATON_SANITIZE AND NOT BATON_COVERAGE)
  add_test(NAME budget COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/budget/check" "${VALGRIND}" "$<TARGET_FILE:core_bench>")
  set_tests_properties(budget PROPERTIES LABELS unit TIMEOUT 120)
endif()
