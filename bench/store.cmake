if(TARGET baton_store)
  add_executable(store_bench store_bench.c)
  target_link_libraries(store_bench PRIVATE baton_store baton_flags)
endif()
