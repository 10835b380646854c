if(TARGET baton_store)
  foreach(name ahead roundtrip guard backup kill)
    baton_unit_test(store_${name} SOURCES unit/store_${name}.c unit/store_help.c LIBS baton_store)
  endforeach()
  foreach(name archive damage format)
    baton_unit_test(store_${name} SOURCES unit/store_${name}.c unit/store_help.c LIBS baton_store PkgConfig::sqlite PkgConfig::xxhash)
  endforeach()
  foreach(name crash faults gather)
    baton_unit_test(store_${name}
      SOURCES unit/store_${name}.c unit/store_vfs.c unit/store_help.c
      LIBS baton_store PkgConfig::sqlite Threads::Threads)
  endforeach()
endif()
