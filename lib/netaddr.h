#ifndef OC_NETADDR_H
#define OC_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>

/*
 * Which addresses a program may reach that follows links from outside: public
 * ones, and those that the owner allowed.  What counts is the address that the
 * connection is made to, after DNS, and never the name alone.
 */

/*
 * Whether the address is one of the public Internet.  Private, loopback,
 * link-local, carrier-grade NAT, unique local, multicast, documentation,
 * benchmarking, reserved and cloud metadata addresses are not, nor is any
 * family but IPv4 and IPv6.  IPv6 forms that carry an IPv4 address (mapped,
 * NAT64, 6to4) count as that address.
 */
bool netaddr_is_public(const struct sockaddr *address);

/*
 * Whether it is one where a cloud hands out its credentials.  A network in an
 * allow list does not cover these; only the address itself does.
 */
bool netaddr_is_metadata(const struct sockaddr *address);

/*
 * Reads a URL's host when it is an address in any form that a resolver or a
 * browser takes for one: 127.0.0.1, 127.1, 0x7f.1, 017700000001, 2130706433,
 * ::1, [::1], with or without a zone.  False for everything else, which is a
 * name.  *address is filled with port 0.
 */
bool netaddr_from_host(const char *host, struct sockaddr_storage *address);

enum { NETADDR_TEXT_SIZE = 64 };
/* The address without its port, for people; returns `out`. */
char *netaddr_text(const struct sockaddr *address, char out[NETADDR_TEXT_SIZE]);

/* What the owner allows beside public addresses.  All zero: nothing. */
struct netaddr_rule;
struct netaddr_allow {
	struct netaddr_rule *rule;
	size_t count;
};

/*
 * Adds an entry: a host name or an address, either with or without :port
 * (an IPv6 address then in brackets), or a network as address/bits.  False
 * when the text is none of these; *problem, which is static, then says why.
 */
bool netaddr_allow_add(
    struct netaddr_allow *allow, const char *entry, const char **problem);
void netaddr_allow_free(struct netaddr_allow *allow); /* zeroes it too */

/*
 * Whether a connection may be made: the address is public, or an entry covers
 * it.  `host` is the name in the URL, or NULL.
 */
bool netaddr_permitted(const struct netaddr_allow *allow, const char *host,
    uint16_t port, const struct sockaddr *address);

#endif
