# The command line: everything that needs no broker.
foreach(name complete ref options output table graph waiting verbs web)
  baton_unit_test(ctl_${name} SOURCES unit/ctl_${name}.c unit/ctl_bench.c
    LIBS baton_ctl baton_client baton_common PkgConfig::jansson)
endforeach()
