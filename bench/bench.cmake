# Load generators: everything else of scripts/bench is in suite/ and peers/.
add_executable(baton-bench main.c meter.c produce.c crew.c throughput.c graph.c floors.c)
target_link_libraries(baton-bench PRIVATE baton_client baton_flags PkgConfig::zmq PkgConfig::sqlite Threads::Threads)
file(GLOB peer_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/peers/*.c")
add_executable(peer-bench ${peer_sources} meter.c)
target_link_libraries(peer-bench PRIVATE baton_flags Threads::Threads)
