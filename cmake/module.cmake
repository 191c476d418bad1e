include(GoogleTest)

# What the sanitizers are not to report.
set(OCELLI_TEST_ENVIRONMENT
    LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp)

# ocelli_test(PREFIX TARGET libraries...): the cases of an executable, each a
# test called "PREFIX: case".
function(ocelli_test prefix target)
  target_link_libraries(${target} PRIVATE ${ARGN} ocelli_warnings
                        GTest::gmock_main)
  target_compile_definitions(${target} PRIVATE
    OCELLI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${target} TEST_PREFIX "${prefix}: " NO_PRETTY_VALUES
                       DISCOVERY_MODE PRE_TEST TEST_FILTER "-*Redis*"
                       PROPERTIES TIMEOUT 300
                       ENVIRONMENT ${OCELLI_TEST_ENVIRONMENT})
endfunction()

# ocelli_redis_test(PREFIX TARGET): its cases with Redis in their name, all in
# one process, which starts each kind of server once.
function(ocelli_redis_test prefix target)
  add_test(NAME "${prefix}: Redis"
           COMMAND ${target} --gtest_filter=*Redis*)
  set_tests_properties("${prefix}: Redis" PROPERTIES LABELS redis TIMEOUT 600
    ENVIRONMENT "${OCELLI_TEST_ENVIRONMENT};OCELLI_DEPS=${OCELLI_DEPS}")
endfunction()

# ocelli_module(NAME [REDIS] [DEPENDS modules...] [LINK libraries...])
#
# One folder, one static library ocelli_NAME from its *.cc. `DEPENDS` are other
# rooms, `LINK` is third-party code, which stays private to the room. Files
# ending in _test.cc and _bench.cc become NAME_test and NAME_bench. `REDIS`: some
# of its tests need servers.
function(ocelli_module name)
  cmake_parse_arguments(ARG "REDIS" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  set(benches ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(TRANSFORM ARG_DEPENDS PREPEND ocelli_)

  add_library(ocelli_${name} STATIC ${sources})
  target_include_directories(ocelli_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(ocelli_${name} PUBLIC ${ARG_DEPENDS}
                        PRIVATE ocelli_warnings ${ARG_LINK})

  if(OCELLI_TESTS AND tests)
    add_executable(${name}_test ${tests})
    ocelli_test(${name} ${name}_test ocelli_${name} ${ARG_LINK})
    if(ARG_REDIS)
      ocelli_redis_test(${name} ${name}_test)
    endif()
  endif()
  if(OCELLI_BENCH AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE ocelli_${name} ocelli_warnings
                          ${ARG_LINK} benchmark::benchmark_main)
    target_compile_definitions(${name}_bench PRIVATE
      OCELLI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  endif()
endfunction()
