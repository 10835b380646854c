# broker/front/: the parts without I/O.
foreach(name calendar clock outbox placement sessions takes window wire)
  baton_unit_test(front_${name} SOURCES unit/front_${name}.c LIBS baton_front_pure)
endforeach()
baton_unit_test(front_work_wire SOURCES unit/front_work_wire.c unit/filling.c LIBS baton_front_pure)
baton_unit_test(front_feed SOURCES unit/front_feed.c LIBS baton_front)
baton_unit_test(front_zone SOURCES unit/front_zone.c LIBS baton_front)
