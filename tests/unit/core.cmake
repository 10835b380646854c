baton_unit_test(core_life SOURCES unit/core_life.c LIBS baton_core)
