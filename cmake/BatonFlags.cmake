# Compiler flags of all our own code: target_link_libraries(x PRIVATE baton_flags).
option(BATON_WERROR "Warnings are errors" OFF)
option(BATON_COVERAGE "Measure coverage with gcov" OFF)
option(BATON_FUZZ "Build the libFuzzer programs (needs clang)" OFF)
set(BATON_SANITIZE "" CACHE STRING "Value of -fsanitize=, or empty")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
# No -DNDEBUG: assertions stay on in what is shipped.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_VISIBILITY_PRESET hidden)

if(BATON_SANITIZE)
  add_compile_options(-fsanitize=${BATON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BATON_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  add_link_options(-Wl,-z,relro,-z,now)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_link_options(-fno-lto) # but batond: broker/CMakeLists.txt
  endif()
endif()
if(BATON_FUZZ)
  # Edges are counted in all our code; the programs link libFuzzer themselves (tests/fuzz).
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(BATON_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

add_library(baton_flags INTERFACE)
target_compile_definitions(baton_flags INTERFACE _GNU_SOURCE BATON_SOFTWARE_VERSION="${PROJECT_VERSION}")
target_include_directories(baton_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(baton_flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wvla
  -Wcast-qual -Wwrite-strings -Wpointer-arith -Wswitch-enum -Wconversion -Wno-sign-conversion
  # clang takes the texts in the initialisers that protoc-c writes for casts of ours; gcc watches these.
  $<$<C_COMPILER_ID:Clang>:-Wno-cast-qual>
  $<$<BOOL:${BATON_WERROR}>:-Werror>)
