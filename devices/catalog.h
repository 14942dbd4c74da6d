/* catalog.h: every device type by name; the list is catalog.def. */
#ifndef BANTAM_CATALOG_H
#define BANTAM_CATALOG_H

#include "core/device.h"

/* The type that calls itself name, or NULL. */
const struct device_type *catalog_find(const char *name);

#endif
