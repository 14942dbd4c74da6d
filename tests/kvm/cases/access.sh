# What ports and memory answer.

test_port_accesses_of_each_width_meet_devices_and_nothing() {
	flat ports --debugcon file=debug
	status_is 0
	out_is 'nothing: ff ffff ffffffff
nothing after writes: ffffffff
uart 0x3f9 by 2: 0105
uart 0x3fb by 4: b0600003
pit 0x43 by 4: ffffffff
0x91 by 2: 02ff
scratch: a5
0x3ff by 4: e9ffffa5
cmos by 2: 7740\n'
	file_is debug X
	err_is ''
}

test_string_instructions_move_each_element() {
	boot "flat:$guests/strings" --debugcon file=debug < <(printf abcd)
	status_is 0
	out_is 'string\n61626364\n020202\nffffffffffff\nff02ffffff02ffff\n'
	file_is debug 'string\nwordgni'
}

test_memory_that_is_not_there_reads_all_ones() {
	multi mmio -m 64M
	status_is 0
	out_is 'nothing: ff ffff ffffffff
unaligned: ff ffff ffffffff
over a page: ff ffff ffffffff
after writes: ff ffff ffffffff
copied: ff ffff ffffffff
above RAM: ff ffff ffffffff
after a write: ff ffff ffffffff
the last bytes of RAM: d4 c3d4 a1b2c3d4
over the end: ffffa1b2\n'
}

test_32_mib_are_enough_and_cmos_says_so() {
	flat memory -m 32M
	status_is 0
	out_is 'base 0280 extended 7c00 above 16M 0100 above 4G 000000\nram cafe1234\n'
}

test_cmos_tells_of_memory_above_4_gib() {
	flat memory -m 5G
	status_is 0
	out_is 'base 0280 extended ffff above 16M bf00 above 4G 008000\nram cafe1234\n'
}

test_keyboard_passes_its_tests_and_answers_by_irq_1() {
	flat keyboard
	status_is 0
	out_is 'self test 55\ninterface test 00\nreset by irq 1: fa aa\n'
}

test_serial_transmitter_interrupts_by_irq_4() {
	flat thre
	status_is 0
	out_is 'each byte by an interrupt\npolled again\n'
}
