baton_unit_test(core_life SOURCES unit/core_life.c LIBS baton_core)
baton_unit_test(core_states SOURCES unit/core_states.c LIBS baton_core)
baton_unit_test(core_projects SOURCES unit/core_projects.c unit/core_bench.c LIBS baton_core)
baton_unit_test(core_submitters SOURCES unit/core_submitters.c unit/core_bench.c LIBS baton_core)
