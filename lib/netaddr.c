#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "netaddr.h"
#include "xalloc.h"

/* An address without its family's clothes: 4 or 16 bytes. */
struct bytes {
	unsigned char b[16];
	unsigned bits; /* 32 or 128; 0: another family */
};

struct net {
	unsigned char b[16];
	unsigned prefix;
};

struct netaddr_rule {
	char *host; /* NULL: a network */
	struct bytes base;
	unsigned prefix;
	uint16_t port; /* 0: every port */
};

/* From IANA's special-purpose registry: what is not globally reachable. */
static const struct net special4[] = {
    {{0}, 8},                 /* this network */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* carrier-grade NAT; Alibaba's metadata */
    {{127}, 8},               /* loopback */
    {{169, 254}, 16},         /* link-local; metadata of most clouds */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* protocol assignments; Oracle's metadata */
    {{192, 0, 2}, 24},        /* documentation */
    {{192, 88, 99}, 24},      /* 6to4 relays, given up */
    {{192, 168}, 16},         /* private */
    {{198, 18}, 15},          /* benchmarking */
    {{198, 51, 100}, 24},     /* documentation */
    {{203, 0, 113}, 24},      /* documentation */
    {{224}, 3},               /* multicast, reserved, broadcast */
    {{168, 63, 129, 16}, 32}, /* Azure's, in the middle of public ones */
};

/* IPv6 outside of 2000::/3 is never public; inside, these are not. */
static const struct net global6 = {{0x20}, 3};
static const struct net special6[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

/* IPv6 forms that carry an IPv4 address, and the byte that it begins at. */
static const struct {
	struct net net;
	unsigned at;
} carrier[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
    {{{0, 0x64, 0xff, 0x9b}, 96}, 12},                      /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},                                /* 6to4 */
};

static const struct net metadata4[] = {
    {{169, 254, 169, 254}, 32},
    {{169, 254, 170, 2}, 32}, /* credentials of AWS containers */
    {{169, 254, 170, 23}, 32},
    {{100, 100, 100, 200}, 32},
    {{192, 0, 0, 192}, 32},
    {{168, 63, 129, 16}, 32},
};
static const struct net metadata6[] = {
    {{0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128},
    {{0xfd, 0, 0x0e, 0xc2, [15] = 0x23}, 128},
    {{0xfd, 0x20, 0, 0xce, [14] = 0x02, [15] = 0x54}, 128},
};

static bool
inside(const unsigned char *address, const unsigned char *base, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	if (memcmp(address, base, whole) != 0)
		return false;
	return rest == 0 || (address[whole] ^ base[whole]) >> (8 - rest) == 0;
}

static bool
inside_any(const unsigned char *address, const struct net *net, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (inside(address, net[i].b, net[i].prefix))
			return true;
	return false;
}

/* The bytes of an address, IPv4 where an IPv6 address carries one. */
static struct bytes
take_bytes(const struct sockaddr *address)
{
	struct bytes bytes = {.bits = 0};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		memcpy(bytes.b, &v4.sin_addr, 4);
		bytes.bits = 32;
	} else if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof v6);
		memcpy(bytes.b, &v6.sin6_addr, 16);
		bytes.bits = 128;
		for (size_t i = 0; i < sizeof carrier / sizeof carrier[0]; i++)
			if (inside(bytes.b, carrier[i].net.b,
				carrier[i].net.prefix)) {
				memmove(bytes.b, bytes.b + carrier[i].at, 4);
				bytes.bits = 32;
				break;
			}
	}
	return bytes;
}

bool
netaddr_is_public(const struct sockaddr *address)
{
	struct bytes bytes = take_bytes(address);

	if (bytes.bits == 32)
		return !inside_any(
		    bytes.b, special4, sizeof special4 / sizeof special4[0]);
	return bytes.bits == 128 &&
	       inside(bytes.b, global6.b, global6.prefix) &&
	       !inside_any(
		   bytes.b, special6, sizeof special6 / sizeof special6[0]);
}

bool
netaddr_is_metadata(const struct sockaddr *address)
{
	struct bytes bytes = take_bytes(address);

	if (bytes.bits == 32)
		return inside_any(
		    bytes.b, metadata4, sizeof metadata4 / sizeof metadata4[0]);
	return bytes.bits == 128 && inside_any(bytes.b, metadata6,
					sizeof metadata6 / sizeof metadata6[0]);
}

/* ---- addresses as text */

/*
 * One part of an IPv4 address: decimal, octal after 0, hexadecimal after 0x.
 * Moves *text past it.
 */
static bool
read_part(const char **text, uint64_t *value)
{
	const char *s = *text;
	unsigned base = 10, digits = 0;

	*value = 0;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		digits = 1; /* "0x" by itself is zero to a browser */
	} else if (s[0] == '0') {
		base = 8;
	}
	for (;; s++, digits++) {
		unsigned digit =
		    *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
		    : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10
		    : *s >= 'A' && *s <= 'F' ? (unsigned)(*s - 'A') + 10
					     : 16;

		if (digit >= base)
			break;
		*value = *value * base + digit;
		if (*value > UINT32_MAX)
			return false;
	}
	*text = s;
	return digits > 0;
}

/* One to four parts; the last fills all bytes that are left. */
static bool
read_v4(const char *text, struct in_addr *out)
{
	uint64_t part[4], address = 0;
	unsigned count = 0;

	for (;;) {
		if (count == 4 || !read_part(&text, &part[count]))
			return false;
		count++;
		if (*text != '.' || text[1] == '\0')
			break;
		text++;
	}
	if (*text == '.') /* the final dot of a full name */
		text++;
	if (*text != '\0')
		return false;
	for (unsigned i = 0; i + 1 < count; i++) {
		if (part[i] > 255)
			return false;
		address |= part[i] << (24 - 8 * i);
	}
	if (part[count - 1] >> (8 * (5 - count)) != 0)
		return false;
	out->s_addr = htonl((uint32_t)(address | part[count - 1]));
	return true;
}

/* An IPv6 address, with or without brackets and zone. */
static bool
read_v6(const char *text, struct sockaddr_in6 *out)
{
	size_t length = strlen(text), end;
	char bare[INET6_ADDRSTRLEN];
	const char *zone;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	zone = memchr(text, '%', length);
	end = zone != NULL ? (size_t)(zone - text) : length;
	if (end >= sizeof bare)
		return false;
	memcpy(bare, text, end);
	bare[end] = '\0';
	return inet_pton(AF_INET6, bare, &out->sin6_addr) == 1;
}

bool
netaddr_from_host(const char *host, struct sockaddr_storage *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	memset(address, 0, sizeof *address);
	if (read_v4(host, &v4.sin_addr))
		memcpy(address, &v4, sizeof v4);
	else if (read_v6(host, &v6))
		memcpy(address, &v6, sizeof v6);
	else
		return false;
	return true;
}

char *
netaddr_text(const struct sockaddr *address, char out[NETADDR_TEXT_SIZE])
{
	const char *made = NULL;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		made = inet_ntop(AF_INET, &v4.sin_addr, out, NETADDR_TEXT_SIZE);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof v6);
		made =
		    inet_ntop(AF_INET6, &v6.sin6_addr, out, NETADDR_TEXT_SIZE);
	}
	if (made == NULL)
		memcpy(out, "another family", sizeof "another family");
	return out;
}

/* ---- what the owner allows */

static bool
read_number(const char *text, long most, unsigned *value)
{
	const char *error = NULL;

	/* strtonum would take a sign and blanks */
	if (text[strspn(text, "0123456789")] != '\0')
		return false;
	*value = (unsigned)strtonum(text, 0, most, &error);
	return error == NULL;
}

static bool
is_name(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";

	return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

/* Takes ":port" off the end.  An address with many colons has none. */
static bool
split_port(char *entry, uint16_t *port)
{
	char *colon = strrchr(entry, ':'), *bracket = strrchr(entry, ']');
	unsigned value;

	*port = 0;
	if (colon == NULL || (bracket != NULL && colon < bracket) ||
	    (bracket == NULL && strchr(entry, ':') != colon))
		return true;
	if (!read_number(colon + 1, UINT16_MAX, &value) || value == 0)
		return false;
	*colon = '\0';
	*port = (uint16_t)value;
	return true;
}

static void
drop_final_dot(char *name)
{
	size_t length = strlen(name);

	if (length > 1 && name[length - 1] == '.')
		name[length - 1] = '\0';
}

/* The address in a rule.  It stays IPv6 where it carries no IPv4 address. */
static bool
read_base(const char *text, struct bytes *base, bool *carried)
{
	struct sockaddr_storage address;

	if (!netaddr_from_host(text, &address))
		return false;
	*base = take_bytes((const struct sockaddr *)&address);
	*carried = address.ss_family == AF_INET6 && base->bits == 32;
	return true;
}

static const char *
read_network(char *entry, char *slash, struct netaddr_rule *rule)
{
	unsigned prefix;
	bool carried;

	*slash = '\0';
	if (!read_base(entry, &rule->base, &carried))
		return "not an address before the slash";
	if (carried)
		return "an IPv4 network is written in IPv4's own form";
	if (!read_number(slash + 1, rule->base.bits, &prefix))
		return "not a number of bits after the slash";
	rule->prefix = prefix;
	return NULL;
}

static const char *
read_entry(char *entry, struct netaddr_rule *rule)
{
	char *slash = strchr(entry, '/');
	bool carried;

	if (slash != NULL)
		return read_network(entry, slash, rule);
	if (!split_port(entry, &rule->port))
		return "not a port after the colon";
	if (read_base(entry, &rule->base, &carried)) {
		rule->prefix = rule->base.bits;
		return NULL;
	}
	drop_final_dot(entry);
	if (!is_name(entry))
		return "neither a host, nor host:port, nor address/bits";
	rule->host = xstrdup(entry);
	return NULL;
}

bool
netaddr_allow_add(
    struct netaddr_allow *allow, const char *entry, const char **problem)
{
	struct netaddr_rule rule = {.host = NULL};
	char *copy = xstrdup(entry);

	*problem = read_entry(copy, &rule);
	free(copy);
	if (*problem != NULL)
		return false;
	allow->rule =
	    xreallocarray(allow->rule, allow->count + 1, sizeof allow->rule[0]);
	allow->rule[allow->count++] = rule;
	return true;
}

void
netaddr_allow_free(struct netaddr_allow *allow)
{
	for (size_t i = 0; i < allow->count; i++)
		free(allow->rule[i].host);
	free(allow->rule);
	*allow = (struct netaddr_allow){.rule = NULL};
}

static bool
host_equal(const char *name, const char *host)
{
	size_t length = strlen(host);

	if (length > 1 && host[length - 1] == '.')
		length--;
	return strlen(name) == length && strncasecmp(name, host, length) == 0;
}

bool
netaddr_permitted(const struct netaddr_allow *allow, const char *host,
    uint16_t port, const struct sockaddr *address)
{
	struct bytes bytes = take_bytes(address);
	bool metadata = netaddr_is_metadata(address);

	if (netaddr_is_public(address))
		return true;
	for (size_t i = 0; i < allow->count; i++) {
		const struct netaddr_rule *rule = &allow->rule[i];

		if (rule->port != 0 && rule->port != port)
			continue;
		if (rule->host != NULL) {
			if (host != NULL && !metadata &&
			    host_equal(rule->host, host))
				return true;
		} else if (rule->base.bits == bytes.bits &&
			   (!metadata || rule->prefix == bytes.bits) &&
			   inside(bytes.b, rule->base.b, rule->prefix)) {
			return true;
		}
	}
	return false;
}
