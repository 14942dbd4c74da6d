/* tools/net.h: `bantam net VERB`: what guests have of the network. */
#ifndef BANTAM_TOOLS_NET_H
#define BANTAM_TOOLS_NET_H

#include "tools/command.h"

extern const struct command net_command;

#endif
