if(TARGET baton_export_pure)
  baton_unit_test(export_copy SOURCES unit/export_copy.c LIBS baton_export_pure)
endif()
