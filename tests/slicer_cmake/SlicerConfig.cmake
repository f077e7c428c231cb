# A stand-in for the CMake package of a Slicer build: the macros that this extension uses, and checks that Slicer's
# own do not make.
set(Slicer_FOUND TRUE)
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/CheckExtension.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/NoPackage.cmake")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "lib/Slicer-5.12/qt-scripted-modules")
set(Slicer_RUN_UNITTEST "${CMAKE_CURRENT_LIST_DIR}/../slicer_harness/run_unittest.py")
option(BUILD_TESTING "Register the tests" ON)
find_program(Slicer_PYTHON NAMES "${PYTHON}" python3 REQUIRED)
enable_testing()
