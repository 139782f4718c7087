#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <sys/un.h>
#include "netaddr.h"

static struct sockaddr_storage
address_of(const char *text)
{
	struct sockaddr_storage address;

	if (!netaddr_from_host(text, &address))
		fail_msg("%s is an address", text);
	return address;
}

static bool
is_public(const char *text)
{
	struct sockaddr_storage address = address_of(text);

	return netaddr_is_public((const struct sockaddr *)&address);
}

static bool
is_metadata(const char *text)
{
	struct sockaddr_storage address = address_of(text);

	return netaddr_is_metadata((const struct sockaddr *)&address);
}

static void
test_what_is_not_public(void **state)
{
	static const char *const refused[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1",
	    "10.255.255.255", "100.64.0.1", "100.127.255.255",
	    "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.0.1",
	    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
	    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
	    "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7",
	    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
	    "255.255.255.255", "168.63.129.16", "::", "::1", "::2", "fe80::1",
	    "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd00::1",
	    "fd00:ec2::254", "fdff:ffff::1", "ff02::1", "ff0e::1", "2001::1",
	    "2001:0:53aa:64c::1", "2001:20::1", "2001:db8::1",
	    "2001:db8:ffff::1", "3fff::1", "3fff:fff::1", "100::1", "5f00::1",
	    "64:ff9b:1::1", "4000::1"};

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (is_public(refused[i]))
			fail_msg("%s counts as public", refused[i]);
}

static void
test_what_is_public(void **state)
{
	static const char *const taken[] = {"1.1.1.1", "8.8.8.8",
	    "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
	    "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0",
	    "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.0.3.1",
	    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
	    "223.255.255.255", "168.63.129.15", "168.63.129.17",
	    "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1",
	    "2001:200::1", "3ffe::1"};

	(void)state;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (!is_public(taken[i]))
			fail_msg("%s does not count as public", taken[i]);
}

static void
test_an_ipv4_address_in_ipv6_clothes(void **state)
{
	(void)state;
	assert_false(is_public("::ffff:127.0.0.1"));
	assert_false(is_public("::ffff:7f00:1"));
	assert_false(is_public("[::ffff:169.254.169.254]"));
	assert_false(is_public("::ffff:10.0.0.1"));
	assert_true(is_public("::ffff:8.8.8.8"));
	assert_false(is_public("::127.0.0.1"));
	assert_false(is_public("::ffff:0:127.0.0.1"));
	assert_false(is_public("64:ff9b::127.0.0.1"));
	assert_false(is_public("64:ff9b::a9fe:a9fe"));
	assert_true(is_public("64:ff9b::8.8.8.8"));
	assert_false(is_public("2002:7f00:1::"));
	assert_false(is_public("2002:c0a8:101::1"));
	assert_true(is_public("2002:808:808::1"));
}

static void
test_metadata_addresses(void **state)
{
	(void)state;
	assert_true(is_metadata("169.254.169.254"));
	assert_true(is_metadata("169.254.170.2"));
	assert_true(is_metadata("100.100.100.200"));
	assert_true(is_metadata("168.63.129.16"));
	assert_true(is_metadata("fd00:ec2::254"));
	assert_true(is_metadata("::ffff:169.254.169.254"));
	assert_true(is_metadata("64:ff9b::169.254.169.254"));
	assert_true(is_metadata("0xa9fea9fe"));
	assert_false(is_metadata("169.254.169.253"));
	assert_false(is_metadata("fd00:ec2::253"));
	assert_false(is_metadata("127.0.0.1"));
}

static void
test_every_other_family_is_refused(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_storage none = {.ss_family = AF_UNSPEC};
	char text[NETADDR_TEXT_SIZE];

	(void)state;
	assert_false(netaddr_is_public((const struct sockaddr *)&un));
	assert_false(netaddr_is_public((const struct sockaddr *)&none));
	assert_string_equal(
	    netaddr_text((const struct sockaddr *)&un, text), "another family");
}

static void
test_host_forms_of_one_address(void **state)
{
	static const char *const loopback[] = {"127.0.0.1", "127.0.0.1.",
	    "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001",
	    "017700000001", "0x7f.1", "0177.0.0.1", "0x7f.0x0.0x0.0x1",
	    "127.0x000001", "00000177.0000.0.01", "0x0000007f.1"};
	struct sockaddr_storage address;
	char text[NETADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
		if (!netaddr_from_host(loopback[i], &address))
			fail_msg("%s is an address", loopback[i]);
		assert_string_equal(
		    netaddr_text((const struct sockaddr *)&address, text),
		    "127.0.0.1");
	}
	assert_true(netaddr_from_host("0", &address));
	assert_string_equal(
	    netaddr_text((const struct sockaddr *)&address, text), "0.0.0.0");
	assert_true(netaddr_from_host("[::FFFF:127.0.0.1%25lo]", &address));
	assert_int_equal(address.ss_family, AF_INET6);
}

static void
test_what_is_not_an_address(void **state)
{
	static const char *const names[] = {"", ".", "example.org", "1.2.3.4.5",
	    "256.1.1.1", "1.256.1.1", "1.2.65536", "1.16777216", "4294967296",
	    "0x100000000", "08", "0x7g", "1..2", "-1", "+1", " 1", "1 ",
	    "1.2.3.4 x", "a.1", "::g", "[::1", "::1]", "1:2:3:4:5:6:7:8:9",
	    "99999999999999999999999999999999",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"};
	struct sockaddr_storage address;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (netaddr_from_host(names[i], &address))
			fail_msg("'%s' is taken for an address", names[i]);
}

/* ---- the owner's list */

static bool
permitted(const char *entry, const char *host, uint16_t port, const char *at)
{
	struct netaddr_allow allow = {.count = 0};
	struct sockaddr_storage address = address_of(at);
	const char *problem = NULL;
	bool result;

	if (entry != NULL && !netaddr_allow_add(&allow, entry, &problem))
		fail_msg("%s: %s", entry, problem);
	result = netaddr_permitted(
	    &allow, host, port, (const struct sockaddr *)&address);
	netaddr_allow_free(&allow);
	return result;
}

static void
test_nothing_allowed_means_public_only(void **state)
{
	(void)state;
	assert_true(permitted(NULL, "example.org", 80, "8.8.8.8"));
	assert_false(permitted(NULL, "example.org", 80, "127.0.0.1"));
	assert_false(permitted(NULL, NULL, 80, "::1"));
}

static void
test_a_host_is_allowed_by_its_name(void **state)
{
	(void)state;
	assert_true(permitted("intra.lan", "intra.lan", 80, "10.1.1.1"));
	assert_true(permitted("intra.lan", "INTRA.lan.", 8080, "10.1.1.1"));
	assert_true(permitted("intra.lan.", "intra.lan", 80, "10.1.1.1"));
	assert_false(permitted("intra.lan", "x.intra.lan", 80, "10.1.1.1"));
	assert_false(permitted("intra.lan", "intra.lan.x", 80, "10.1.1.1"));
	assert_false(permitted("intra.lan", NULL, 80, "10.1.1.1"));
	assert_true(permitted("intra.lan:81", "intra.lan", 81, "10.1.1.1"));
	assert_false(permitted("intra.lan:81", "intra.lan", 80, "10.1.1.1"));
}

static void
test_a_network_is_allowed_by_the_address(void **state)
{
	(void)state;
	assert_true(permitted("10.0.0.0/8", "any", 80, "10.200.0.1"));
	assert_false(permitted("10.0.0.0/8", "any", 80, "192.168.0.1"));
	assert_true(permitted("10.9.0.0/15", "any", 80, "10.8.0.1"));
	assert_false(permitted("10.8.0.0/15", "any", 80, "10.10.0.1"));
	assert_true(permitted("0.0.0.0/0", "any", 80, "127.0.0.1"));
	assert_false(permitted("0.0.0.0/0", "any", 80, "::1"));
	assert_true(permitted("10.0.0.0/8", "any", 80, "::ffff:10.0.0.1"));
	assert_true(permitted("fd00::/8", NULL, 80, "fd12::1"));
	assert_false(permitted("fd00::/8", NULL, 80, "fc12::1"));
	assert_true(permitted("::/0", NULL, 80, "::1"));
	assert_false(permitted("::/0", NULL, 80, "127.0.0.1"));
}

static void
test_an_address_is_allowed_with_and_without_port(void **state)
{
	(void)state;
	assert_true(permitted("127.0.0.1", "any", 80, "127.0.0.1"));
	assert_false(permitted("127.0.0.1", "any", 80, "127.0.0.2"));
	assert_true(permitted("127.0.0.1:81", "any", 81, "127.0.0.1"));
	assert_false(permitted("127.0.0.1:81", "any", 80, "127.0.0.1"));
	assert_true(permitted("::1", "any", 80, "::1"));
	assert_true(permitted("[::1]:81", "any", 81, "::1"));
	assert_false(permitted("[::1]:81", "any", 80, "::1"));
	assert_true(permitted("[fd00::1]", "any", 80, "fd00::1"));
}

static void
test_metadata_only_by_its_own_address(void **state)
{
	const char *at = "169.254.169.254";

	(void)state;
	assert_false(permitted("169.254.0.0/16", NULL, 80, at));
	assert_false(permitted("0.0.0.0/0", NULL, 80, at));
	assert_false(permitted("intra.lan", "intra.lan", 80, at));
	assert_false(permitted("fd00::/8", NULL, 80, "fd00:ec2::254"));
	assert_true(permitted("169.254.169.254", NULL, 80, at));
	assert_true(permitted("169.254.169.254:80", NULL, 80, at));
	assert_true(permitted("fd00:ec2::254", NULL, 80, "fd00:ec2::254"));
}

static void
test_entries_that_are_refused(void **state)
{
	static const char *const wrong[] = {"", "/", "/8", "10.0.0.0/33",
	    "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/8x", "::/129",
	    "name/8", "host:", "host:0", "host:65536", "host:x", "host:+1",
	    "ho st", "http://host", "*", "[::1]:", "[::1]x", "::ffff:0:0/96",
	    "host:80:80", "user@host"};
	struct netaddr_allow allow = {.count = 0};
	const char *problem;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		problem = NULL;
		if (netaddr_allow_add(&allow, wrong[i], &problem))
			fail_msg("'%s' is taken", wrong[i]);
		assert_non_null(problem);
	}
	assert_int_equal(allow.count, 0);
	netaddr_allow_free(&allow);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_not_public),
	    cmocka_unit_test(test_what_is_public),
	    cmocka_unit_test(test_an_ipv4_address_in_ipv6_clothes),
	    cmocka_unit_test(test_metadata_addresses),
	    cmocka_unit_test(test_every_other_family_is_refused),
	    cmocka_unit_test(test_host_forms_of_one_address),
	    cmocka_unit_test(test_what_is_not_an_address),
	    cmocka_unit_test(test_nothing_allowed_means_public_only),
	    cmocka_unit_test(test_a_host_is_allowed_by_its_name),
	    cmocka_unit_test(test_a_network_is_allowed_by_the_address),
	    cmocka_unit_test(test_an_address_is_allowed_with_and_without_port),
	    cmocka_unit_test(test_metadata_only_by_its_own_address),
	    cmocka_unit_test(test_entries_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
