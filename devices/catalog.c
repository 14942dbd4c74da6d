#include "catalog.h"

#include <string.h>

#define DEVICE(name) extern const struct device_type name##_type;
#include "catalog.def"
#undef DEVICE

#define DEVICE(name) &name##_type,
static const struct device_type *const catalog[] = {
#include "catalog.def"
};
#undef DEVICE

const struct device_type *catalog_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(catalog); i++)
		if (strcmp(catalog[i]->name, name) == 0)
			return catalog[i];
	return NULL;
}
