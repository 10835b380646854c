if(TARGET baton_core AND TARGET baton_front_pure)
  add_executable(core_bench core_bench.c)
  target_link_libraries(core_bench PRIVATE baton_front_pure baton_core baton_flags)
endif()
