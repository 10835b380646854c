# Debian packages: `cmake --preset package && cmake --build --preset package`, then the .deb files are in build/package.
# Scripts of the packages are in packages/, what systemd needs in systemd/.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME baton)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(BATON_PACKAGE_REVISION "" CACHE STRING "Appended to the version of the packages, as -1")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_PACKAGE_CONTACT "Baton maintainers <maintainers@baton.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON) # some files are below /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packages/finish.cmake")
set(CPACK_COMPONENTS_ALL broker worker cli lib dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_VERSION "${PROJECT_VERSION}${BATON_PACKAGE_REVISION}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(this "(= ${CPACK_DEBIAN_PACKAGE_VERSION})")
function(baton_package component name section depends text)
  string(TOUPPER ${component} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${depends}" PARENT_SCOPE)
  set(CPACK_COMPONENT_${key}_DESCRIPTION "${text}" PARENT_SCOPE)
  file(GLOB scripts "${PROJECT_SOURCE_DIR}/packages/${name}/*")
  set(CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA "${scripts}" PARENT_SCOPE)
endfunction()

set(users "systemd | systemd-sysusers, init-system-helpers (>= 1.54)")
baton_package(broker baton-broker net "${users}, baton-cli ${this}"
  "coordination daemon for fleets of automated agents
The broker keeps a durable queue of tasks with dependencies between them, leases
them to workers, and remembers what became of them. What it has answered is on
the disk; it may be killed at any time, and agents go on meanwhile.")
baton_package(worker baton-worker net "${users}, baton-cli ${this}"
  "workers of Baton: run an agent for each task
A worker takes tasks of a role from the broker, runs the role's command for each
within its limits, and reports what became of it. No result is lost when the
worker or the broker is killed.")
baton_package(cli baton-cli net "${users}"
  "command line of Baton
The command baton applies plans, shows what waits and why, and is what agents
use to report; it also keeps files of handoffs, status and decisions.")
baton_package(lib libbaton0 libs ""
  "client library of Baton
Programs in C submit tasks, take them and follow events with it.")
baton_package(dev libbaton-dev libdevel "libbaton0 ${this}, libzmq3-dev, libprotobuf-c-dev"
  "client library of Baton, development files
The header, the static library and the protocol's messages.")
set(CPACK_DEBIAN_WORKER_PACKAGE_RECOMMENDS baton-broker)
set(CPACK_DEBIAN_BROKER_PACKAGE_RECOMMENDS tzdata)
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS "bash-completion, baton-broker")
set(CPACK_DEBIAN_LIB_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packages/libbaton0/triggers;${PROJECT_SOURCE_DIR}/packages/libbaton0/shlibs")
include(CPack)
