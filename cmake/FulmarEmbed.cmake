# fulmar_embed(TARGET TEMPLATE.cc.in FILES <files>...)
#
# A source file for TARGET, made at build time: in the template, @NAME@ stands for the octets of the file called NAME.*
# as a raw string literal. Run as a script it does that work.
function(fulmar_embed target template)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  get_filename_component(name ${template} NAME_WLE)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name})
  get_filename_component(template ${template} ABSOLUTE)
  list(TRANSFORM ARG_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} "-DTEMPLATE=${template}" "-DOUTPUT=${output}" "-DFILES=${ARG_FILES}" -P
            ${CMAKE_SOURCE_DIR}/cmake/FulmarEmbed.cmake
    DEPENDS ${template} ${ARG_FILES} ${CMAKE_SOURCE_DIR}/cmake/FulmarEmbed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

if(CMAKE_SCRIPT_MODE_FILE AND DEFINED TEMPLATE)
  foreach(file ${FILES})
    get_filename_component(name ${file} NAME_WE)
    file(READ ${file} ${name})
    if("${${name}}" MATCHES "\\)octets\"")
      message(FATAL_ERROR "${file} holds the end of a raw string literal")
    endif()
    set(${name} "R\"octets(${${name}})octets\"")
  endforeach()
  configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
endif()
