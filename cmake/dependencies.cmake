# Everything from outside, found once. Rooms name these targets after LINK.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_path(SPDLOG_INCLUDE_DIR spdlog/spdlog.h REQUIRED)
find_path(TOML_INCLUDE_DIR toml++/toml.h REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CURL REQUIRED)
find_package(FlatBuffers REQUIRED)

# Static where the distribution has it: each shared library costs a cold start
# a millisecond or more, and a cached answer is to come in 30.
set(OPENSSL_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
find_package(OpenSSL REQUIRED)
find_package(Protobuf MODULE REQUIRED)
find_library(SQLite3_LIBRARY NAMES libsqlite3.a sqlite3)
find_package(SQLite3 REQUIRED)
set_property(TARGET SQLite::SQLite3 APPEND PROPERTY
             INTERFACE_LINK_LIBRARIES m ${CMAKE_DL_LIBS} Threads::Threads)

# Likewise, compiled into the room that uses them.
add_library(spdlog_headers INTERFACE)
target_include_directories(spdlog_headers SYSTEM INTERFACE
                           ${SPDLOG_INCLUDE_DIR})
target_compile_definitions(spdlog_headers INTERFACE SPDLOG_FMT_EXTERNAL)
target_link_libraries(spdlog_headers INTERFACE fmt::fmt-header-only)
add_library(toml_headers INTERFACE)
target_include_directories(toml_headers SYSTEM INTERFACE ${TOML_INCLUDE_DIR})
target_compile_definitions(toml_headers INTERFACE TOML_HEADER_ONLY=1
                           TOML_EXCEPTIONS=0)

# ocelli_library(TARGET PACKAGE libraries...): the headers of a pkg-config
# package, and those of the libraries that are there, archives before shared.
function(ocelli_library target package)
  pkg_check_modules(${target} REQUIRED QUIET ${package})
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE
                             ${${target}_INCLUDE_DIRS})
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
  foreach(library IN LISTS ARGN)
    find_library(${target}_${library} ${library} HINTS ${${target}_LIBDIR})
    if(${target}_${library})
      target_link_libraries(${target} INTERFACE ${${target}_${library}})
    endif()
  endforeach()
endfunction()
ocelli_library(gumbo gumbo gumbo)
ocelli_library(codec_jpeg libturbojpeg turbojpeg)
ocelli_library(codec_png libpng png16 z)
ocelli_library(codec_webp libwebpdemux webpdemux webp sharpyuv)
ocelli_library(pugixml pugixml pugixml)
ocelli_library(prometheus-cpp-core prometheus-cpp-core prometheus-cpp-core)
ocelli_library(utf8proc libutf8proc utf8proc)
ocelli_library(freetype freetype2 freetype png16 z brotlidec brotlicommon)
ocelli_library(xxhash libxxhash xxhash)
ocelli_library(hiredis hiredis hiredis)
ocelli_library(sodium libsodium sodium)
ocelli_library(zstd libzstd zstd)
find_path(BOOST_BEAST_INCLUDE_DIR boost/beast.hpp REQUIRED)
add_library(boost_headers INTERFACE)
target_include_directories(boost_headers SYSTEM INTERFACE
                           ${BOOST_BEAST_INCLUDE_DIR})
set(ZLIB_USE_STATIC_LIBS ON)
find_package(ZLIB REQUIRED)
# Opened when the first HEIC or AVIF comes (media/heif.cc): only its header.
ocelli_library(codec_heif libheif)
# Likewise for SVG (media/svg.cc) and video (media/ffmpeg.cc).
ocelli_library(codec_svg librsvg-2.0)
foreach(library avcodec avdevice avfilter avformat avutil swscale)
  ocelli_library(${library} lib${library})
endforeach()

# gRPC's own CMake package names shared libraries, twenty of them: 6 ms at every
# start. Its archives cost 0.2 ms; they need each other in any order.
pkg_check_modules(grpc REQUIRED QUIET grpc++)
list(REMOVE_DUPLICATES grpc_STATIC_LIBRARIES)
list(REMOVE_ITEM grpc_STATIC_LIBRARIES ssl crypto z dl rt atomic)
set(grpc_archives)
foreach(library IN LISTS grpc_STATIC_LIBRARIES)
  find_library(grpc_${library} NAMES lib${library}.a ${library}
               HINTS ${grpc_LIBDIR} REQUIRED)
  list(APPEND grpc_archives ${grpc_${library}})
endforeach()
list(JOIN grpc_archives "," grpc_archives)
add_library(grpc INTERFACE)
target_link_libraries(grpc INTERFACE
  "$<LINK_GROUP:RESCAN,${grpc_archives}>" protobuf::libprotobuf OpenSSL::SSL
  OpenSSL::Crypto ZLIB::ZLIB ${CMAKE_DL_LIBS} Threads::Threads)

if(OCELLI_TESTS)
  find_package(GTest REQUIRED)
endif()
if(OCELLI_BENCH)
  find_package(benchmark REQUIRED)
endif()

# ONNX Runtime: only its headers are needed to build; the library is opened
# when the first model is (infer/). The system's is preferred.
find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_cxx_api.h
          PATH_SUFFIXES onnxruntime
          HINTS ${OCELLI_DEPS}/onnxruntime/include)
find_library(ONNXRUNTIME_LIBRARY onnxruntime
             HINTS ${OCELLI_DEPS}/onnxruntime/lib)
if(NOT ONNXRUNTIME_INCLUDE_DIR OR NOT ONNXRUNTIME_LIBRARY)
  message(FATAL_ERROR "ONNX Runtime not found: run ./dev setup")
endif()
add_library(onnxruntime_headers INTERFACE)
target_include_directories(onnxruntime_headers SYSTEM INTERFACE
                           ${ONNXRUNTIME_INCLUDE_DIR})
target_compile_definitions(onnxruntime_headers INTERFACE
  OCELLI_ONNXRUNTIME_LIBRARY="${ONNXRUNTIME_LIBRARY}")

# ONNX's own schema, compiled here so that it shares our protobuf runtime.
find_path(ONNX_PROTO_DIR onnx/onnx.proto REQUIRED)

# FAISS with what its archive needs: linear algebra of one thread, so that it
# does not fight for processors, and the compiler's own OpenMP and Fortran.
find_path(FAISS_INCLUDE_DIR faiss/Index.h REQUIRED)
find_library(FAISS_LIBRARY NAMES libfaiss.a faiss REQUIRED)
find_library(BLAS_LIBRARY NAMES libopenblas.a openblas REQUIRED
             PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-serial)
add_library(faiss INTERFACE)
target_include_directories(faiss SYSTEM INTERFACE ${FAISS_INCLUDE_DIR})
target_link_libraries(faiss INTERFACE ${FAISS_LIBRARY} ${BLAS_LIBRARY})
foreach(runtime gfortran quadmath gomp)
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=lib${runtime}.a
    OUTPUT_VARIABLE archive OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(EXISTS ${archive})
    target_link_libraries(faiss INTERFACE ${archive})
  endif()
endforeach()
