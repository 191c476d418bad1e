include(GoogleTest)

# ocelli_module(NAME [DEPENDS modules...] [LINK libraries...])
#
# One folder, one static library ocelli_NAME from its *.cc. `DEPENDS` are other
# rooms, `LINK` is third-party code, which stays private to the room. Files
# ending in _test.cc and _bench.cc become NAME_test and NAME_bench.
function(ocelli_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
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
    target_link_libraries(${name}_test PRIVATE ocelli_${name} ocelli_warnings
                          ${ARG_LINK} GTest::gmock_main)
    target_compile_definitions(${name}_test PRIVATE
      OCELLI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}: "
                         DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 300 ENVIRONMENT
                           LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp)
  endif()
  if(OCELLI_BENCH AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE ocelli_${name} ocelli_warnings
                          ${ARG_LINK} benchmark::benchmark_main)
    target_compile_definitions(${name}_bench PRIVATE
      OCELLI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  endif()
endfunction()
