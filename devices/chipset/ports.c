#include "chipset/ports.h"

int ports_claim(struct bus *bus, const struct port_row *rows, size_t count, void *ctx,
		struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct bus_region region = {
			.name = rows[i].name,
			.base = rows[i].port,
			.len = rows[i].len,
			.max_access = rows[i].max_access,
			.ops = rows[i].ops,
			.ctx = ctx,
		};
		const int rc = bus_add(bus, &region);

		if (rc < 0) {
			ports_release(bus, rows, i);
			return err_errno(err, rc, "cannot claim port 0x%x for %s",
					 (unsigned)rows[i].port, rows[i].name);
		}
	}
	return 0;
}

void ports_release(struct bus *bus, const struct port_row *rows, size_t count)
{
	while (count-- > 0)
		bus_remove(bus, rows[count].port);
}
