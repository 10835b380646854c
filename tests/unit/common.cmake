# common/: text, buffers, arenas, words, units.
baton_unit_test(common_text SOURCES unit/common_text.c LIBS baton_common)
baton_unit_test(common_memory SOURCES unit/common_memory.c LIBS baton_common)
baton_unit_test(common_words SOURCES unit/common_words.c LIBS baton_common)
baton_unit_test(common_units SOURCES unit/common_units.c LIBS baton_common)
baton_unit_test(common_pack SOURCES unit/common_pack.c LIBS baton_common)
baton_unit_test(common_path_name SOURCES unit/common_path_name.c LIBS baton_common)
baton_unit_test(common_slab SOURCES unit/common_slab.c LIBS baton_common)
