#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include "buf.h"
#include "json.h"
#include "ws_device.h"

/* The device that signs in these tests. */
static EVP_PKEY *pair;
static char id[65], public_text[64];

static const int64_t now = 1795417158535;
static const char nonce[] = "0123456789abcdef";

/* Base64 for URLs, without padding. */
static void
encode(char *out, const unsigned char *data, int length)
{
	EVP_EncodeBlock((unsigned char *)out, data, length);
	out[strcspn(out, "=")] = '\0';
	for (char *c = out; *c != '\0'; c++)
		*c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
}

static int
make_pair(void **state)
{
	unsigned char public[32], digest[32];
	size_t length = sizeof public;

	(void)state;
	pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_int_equal(EVP_PKEY_get_raw_public_key(pair, public, &length), 1);
	encode(public_text, public, sizeof public);
	EVP_Digest(public, sizeof public, digest, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(id + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static int
free_pair(void **state)
{
	(void)state;
	EVP_PKEY_free(pair);
	return 0;
}

/* The device of a connect, whose proof is for these words. */
static jv
device(const char *words)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[64];
	size_t length = sizeof signature;
	char text[100];
	jv made = json_object();

	EVP_DigestSignInit(context, NULL, NULL, NULL, pair);
	assert_int_equal(EVP_DigestSign(context, signature, &length,
			     (const unsigned char *)words, strlen(words)),
	    1);
	EVP_MD_CTX_free(context);
	encode(text, signature, (int)length);
	made = json_set_string(made, "id", id);
	made = json_set_string(made, "publicKey", public_text);
	made = json_set_string(made, "signature", text);
	made = json_set_int(made, "signedAt", now);
	return json_set_string(made, "nonce", nonce);
}

static struct ws_hello
hello(jv own_device)
{
	return (struct ws_hello){.client = "openclaw-tui",
	    .mode = "ui",
	    .platform = " Linux ",
	    .family = "LINUX",
	    .role = "operator",
	    .signed_token = "token",
	    .scopes_asked = json_append_string(
		json_append_string(json_array(), "operator.read"),
		"operator.write"),
	    .device = own_device};
}

static void
expect(jv own_device, enum ws_device_result result)
{
	struct ws_hello one = hello(own_device);

	assert_int_equal(ws_device_check(&one, nonce, now), result);
	ws_hello_free(&one);
}

static char *
words(const char *version, const char *end)
{
	static char out[500];

	snprintf(out, sizeof out,
	    "%s|%s|openclaw-tui|ui|operator|operator.read,operator.write|"
	    "1795417158535|token|0123456789abcdef%s",
	    version, id, end);
	return out;
}

static void
test_right(void **state)
{
	(void)state;
	expect(device(words("v2", "")), WS_DEVICE_OK);
	expect(device(words("v3", "|linux|linux")), WS_DEVICE_OK);
}

static void
test_wrong_words(void **state)
{
	(void)state;
	expect(device(words("v1", "")), WS_DEVICE_WRONG_SIGNATURE);
	expect(device(words("v3", "")), WS_DEVICE_WRONG_SIGNATURE);
	expect(device(words("v3", "|linux|mac")), WS_DEVICE_WRONG_SIGNATURE);
	expect(device(words("v2", "x")), WS_DEVICE_WRONG_SIGNATURE);
	expect(device(""), WS_DEVICE_WRONG_SIGNATURE);
}

static void
test_time(void **state)
{
	struct ws_hello one = hello(device(words("v2", "")));

	(void)state;
	assert_int_equal(
	    ws_device_check(&one, nonce, now + 120000), WS_DEVICE_OK);
	assert_int_equal(
	    ws_device_check(&one, nonce, now + 120001), WS_DEVICE_STALE);
	assert_int_equal(
	    ws_device_check(&one, nonce, now - 120001), WS_DEVICE_STALE);
	assert_int_equal(
	    ws_device_check(&one, "another", now), WS_DEVICE_WRONG_NONCE);
	ws_hello_free(&one);
}

static void
test_wrong_fields(void **state)
{
	static const struct {
		const char *key, *value;
		enum ws_device_result result;
	} wrong[] = {
	    {"id", "00", WS_DEVICE_WRONG_ID},
	    {"publicKey", "", WS_DEVICE_WRONG_KEY},
	    {"publicKey", "AAAA", WS_DEVICE_WRONG_KEY},
	    {"publicKey", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
		WS_DEVICE_WRONG_KEY},
	    {"publicKey", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		WS_DEVICE_WRONG_ID},
	    {"signature", "", WS_DEVICE_WRONG_SIGNATURE},
	    {"signature", "AAAA====", WS_DEVICE_WRONG_SIGNATURE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		expect(json_set_string(device(words("v2", "")), wrong[i].key,
			   wrong[i].value),
		    wrong[i].result);
	expect(json_set_int(device(words("v2", "")), "id", 7),
	    WS_DEVICE_MALFORMED);
	expect(json_delete(device(words("v2", "")), "signedAt"),
	    WS_DEVICE_MALFORMED);
	expect(json_object(), WS_DEVICE_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_right),
	    cmocka_unit_test(test_wrong_words),
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_wrong_fields),
	};

	return cmocka_run_group_tests(tests, make_pair, free_pair);
}
