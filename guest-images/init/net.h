/* init/net.h: addresses for the guest's NICs.
 *
 * Stock kernels have no DHCP client, and a guest should not need one to be on the
 * network: this one asks over an ordinary UDP socket (RFC 2131, with the broadcast
 * flag), takes the first offer, and keeps it: there is no renewal. */
#ifndef BANTAM_INIT_NET_H
#define BANTAM_INIT_NET_H

/* Bring all NICs up, and give each that has no address yet one by DHCP, with a route and
 * /etc/resolv.conf.  Takes some seconds where nobody answers.  What comes of it is said. */
void net_configure(void);

#endif
