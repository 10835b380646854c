add_executable(baton-bench main.c broker.c floors.c work.c)
target_link_libraries(baton-bench PRIVATE baton_client baton_flags PkgConfig::zmq Threads::Threads)
