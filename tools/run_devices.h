/* tools/run_devices.h: the flags of `run` that give the machine a device, each a setter of
 * an option row; target is the struct run_options. */
#ifndef BANTAM_TOOLS_RUN_DEVICES_H
#define BANTAM_TOOLS_RUN_DEVICES_H

#include "base/err.h"

int run_set_serial(void *target, const char *value, struct err *err);
int run_set_debugcon(void *target, const char *value, struct err *err);
int run_set_disk(void *target, const char *value, struct err *err);
int run_set_console(void *target, const char *value, struct err *err);
int run_set_net(void *target, const char *value, struct err *err);
int run_set_publish(void *target, const char *value, struct err *err);
int run_set_net_dump(void *target, const char *value, struct err *err);
int run_set_rng(void *target, const char *value, struct err *err);
int run_set_balloon(void *target, const char *value, struct err *err);

#endif
