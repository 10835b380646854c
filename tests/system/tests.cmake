# Whole programs, driven from outside by Debian's Python (its python3-zmq and python3-protobuf belong to
# /usr/bin/python3). Each test_*.py is one ctest; seconds that a test needs beyond the usual stand here.
set(system_timeout_test_containers 900)
set(system_timeout_test_kill 600)
set(system_timeout_test_limits 600)
set(system_timeout_test_faults 300)
set(system_timeout_test_workloads 600)
set(system_timeout_test_hostile 600)
set(system_timeout_test_bench 300)
set(system_timeout_test_export 600)
set(system_timeout_test_export_broken 400)
set(system_timeout_test_packages 1200)

file(GLOB system_tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/system/test_*.py")
foreach(file ${system_tests})
  get_filename_component(name ${file} NAME_WE)
  set(timeout 180)
  if(DEFINED system_timeout_${name})
    set(timeout ${system_timeout_${name}})
  endif()
  add_test(NAME system_${name} COMMAND /usr/bin/python3 -B ${file})
  set_tests_properties(system_${name} PROPERTIES
    LABELS system
    TIMEOUT ${timeout}
    ENVIRONMENT "BATON_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endforeach()
