# ctl/plan: the plan reader. Data of others is read where it is (BATON_SHARED, else ../shared); tests of it are skipped,
# loudly, where it is not.
foreach(name yaml tasks phases strategy foreign graph files)
  baton_unit_test(plan_${name} SOURCES unit/plan_${name}.c unit/plan_help.c LIBS baton_plan PkgConfig::jansson)
  target_compile_definitions(plan_${name} PRIVATE BATON_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endforeach()
