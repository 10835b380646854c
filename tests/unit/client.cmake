# libbaton against a broker that is played by the test: a real ROUTER on ipc in a directory of its own.
foreach(name request feed worker)
  baton_unit_test(client_${name}
    SOURCES unit/client_${name}.c unit/client_fake.c
    LIBS Baton::client baton_common PkgConfig::zmq PkgConfig::protobuf_c Threads::Threads)
endforeach()
baton_unit_test(client_parts
  SOURCES unit/client_parts.c LIBS Baton::client baton_common PkgConfig::zmq PkgConfig::protobuf_c)
baton_unit_test(client_memory
  SOURCES unit/client_memory.c unit/client_fake.c unit/allocations.c
  LIBS Baton::client baton_common PkgConfig::zmq PkgConfig::protobuf_c Threads::Threads)
target_link_options(client_memory PRIVATE LINKER:--wrap=malloc LINKER:--wrap=calloc LINKER:--wrap=realloc)
