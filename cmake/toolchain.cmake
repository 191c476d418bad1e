# Compiler, linker and warnings, the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(OCELLI_SANITIZE)
  add_compile_options(-fsanitize=${OCELLI_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OCELLI_SANITIZE})
endif()

# Third-party and generated sources are built without these.
add_library(ocelli_warnings INTERFACE)
target_compile_options(ocelli_warnings INTERFACE -Wall -Wextra -Wpedantic
                       -Wconversion -Wshadow -Werror)
