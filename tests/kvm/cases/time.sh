# Timers, interrupts and CPUs.

# stamp LINE: microseconds of a line of --log
stamp() { sed -n "s/^\[ *\([0-9]*\)\.\([0-9]*\)\] $1$/\1\2/p" log | sed 's/^0*//'; }

number() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" out; }

pic_rates() {
	flat ticks --log log
	status_is 0
	near "half a second in host microseconds" $(($(stamp end) - $(stamp begin))) 490000 560000
	near "PIT interrupts at 1 kHz" "$(number pit)" 350 510
	near "RTC interrupts at 128 Hz" "$(number rtc)" 56 66
}
test_pit_and_rtc_interrupt_through_the_pic_at_their_rates() { tries pic_rates; }

ioapic_rates() {
	multi ioapic
	status_is 0
	near "PIT interrupts at 1 kHz by pin 0" "$(number pin0)" 350 510
	near "interrupts by pin 2" "$(number pin2)" 0 0
	near "RTC interrupts at 128 Hz" "$(number rtc)" 56 66
}
test_pit_and_rtc_interrupt_through_the_ioapic_at_their_rates() { tries ioapic_rates; }

channel2() {
	flat channel2
	status_is 0
	has out '^gate closed:00$'
	has out '^refresh toggles$'
	near "PM timer ticks in 50 ms of PIT channel 2" "$(number ticks)" 178900 184000
}
test_pit_channel_2_agrees_with_the_pm_timer() { tries channel2; }

start_cpus() { # COUNT
	multi smp -c "$1"
	status_is 0
	[ "$(sort out | tr '\n' ' ')" = "$(seq -s ' ' -f 'cpu %g' 0 $(($1 - 1))) done " ] ||
		fail "a line of each of $1 CPUs" "'$(shown out)'"
	[ "$(head -n 1 out)" = "cpu 0" ] || fail "the boot CPU first" "'$(shown out)'"
}
test_one_cpu_starts_no_other() { start_cpus 1; }
test_two_cpus_start_by_init_sipi_sipi() { start_cpus 2; }
test_four_cpus_start_by_init_sipi_sipi() { start_cpus 4; }
