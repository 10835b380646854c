if(TARGET baton_store)
  baton_unit_test(store_roundtrip SOURCES unit/store_roundtrip.c unit/store_help.c LIBS baton_store)
endif()
