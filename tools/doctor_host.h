/* tools/doctor_host.h: what the host offers besides KVM. */
#ifndef BANTAM_TOOLS_DOCTOR_HOST_H
#define BANTAM_TOOLS_DOCTOR_HOST_H

#include "host/uring.h"
#include "tools/hostfacts.h"
#include "tools/report.h"

void doctor_processor(struct report *r, const struct host_facts *f);
void doctor_memory(struct report *r);
void doctor_io_uring(struct report *r);
void doctor_io_uring_refused(struct report *r, const struct uring_obstacle *o);
void doctor_userfaultfd(struct report *r, const struct host_facts *f);
void doctor_tun(struct report *r, const struct host_facts *f);
void doctor_ping(struct report *r, const struct host_facts *f);

#endif
