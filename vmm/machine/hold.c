/* The machine stands still, and goes on. */
#include "machine/internal.h"

void hold_still(struct machine *m)
{
	vcpus_pause(&m->vcpus);
	console_flush(m);
	if (m->still)
		return;
	m->still = true;
	kvm_clock_hold(&m->kvm);
	device_lock(&m->lock);
	timekeeper_pause(&m->guest_time);
	device_unlock(&m->lock);
}

void hold_end(struct machine *m)
{
	bool asked;

	device_lock(&m->lock);
	asked = m->ask.event != POWER_NONE;
	timekeeper_resume(&m->guest_time);
	device_unlock(&m->lock);
	m->still = false;
	kvm_clock_go_on(&m->kvm);
	if (!asked)
		vcpus_resume(&m->vcpus);
}
