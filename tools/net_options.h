/* tools/net_options.h: values of the network's flags: `--net user,mtu=9000,...`,
 * `--publish 127.0.0.1:2222:22/tcp`. */
#ifndef BANTAM_TOOLS_NET_OPTIONS_H
#define BANTAM_TOOLS_NET_OPTIONS_H

#include "machine/config.h"

/* text is cut into parts that out points into.
 * *none  set for "none": out is not filled then
 * 0, or -errno with err saying which key is wrong and what would be right. */
int net_option_parse(char *text, struct net_config *out, bool *none, struct err *err);

/* "[ADDRESS:]HOST:GUEST[/tcp|/udp]": value is not changed, and out->text is it.
 * 0, or -EINVAL with err filled. */
int publish_parse(const char *value, struct nat_publish *out, struct err *err);

#endif
