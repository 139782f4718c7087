#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include "base64.h"
#include "buf.h"
#include "json.h"
#include "ws_device.h"

enum {
	KEY_SIZE = 32,
	SIGNATURE_SIZE = 64,
	SHA256_SIZE = 32,
	SKEW_MS = 120 * 1000,
};

/* Exactly `size` bytes of base64, of either alphabet, padded or not. */
static bool
decode(const char *text, unsigned char *out, size_t size)
{
	size_t length = strcspn(text, "="), written = 0;
	unsigned int bits = 0;
	int count = 0;

	if (length != (size * 8 + 5) / 6 || strlen(text) > length + 2)
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (unsigned int)digit;
		count += 6;
		if (count >= 8 && written < size) {
			count -= 8;
			out[written++] = (unsigned char)(bits >> count);
		}
	}
	return written == size;
}

static bool
is_id_of(const char *id, const unsigned char key[KEY_SIZE])
{
	unsigned char digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	if (EVP_Digest(key, KEY_SIZE, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return strcmp(id, hex) == 0;
}

static bool
is_signed(const unsigned char key[KEY_SIZE],
    const unsigned char signature[SIGNATURE_SIZE], const struct buf *words)
{
	EVP_PKEY *public =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_SIZE);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool right =
	    public != NULL && context != NULL &&
	    EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
	    EVP_DigestVerify(context, signature, SIGNATURE_SIZE,
		(const unsigned char *)words->data, words->length) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public);
	return right;
}

static void
add_lower(struct buf *out, const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == ' ')
		length--;
	for (size_t i = strspn(text, " "); i < length; i++)
		buf_add_byte(out, text[i] >= 'A' && text[i] <= 'Z'
				      ? (char)(text[i] + 32)
				      : text[i]);
}

/* What is signed: version 2, and version 3, which adds the last two. */
static void
add_words(struct buf *out, const struct ws_hello *hello, const char *nonce,
    int version)
{
	const char *separator = "";

	buf_printf(out, "v%d|%s|%s|%s|%s|", version,
	    json_get_string(hello->device, "id", ""), hello->client,
	    hello->mode, hello->role);
	for (int i = 0, n = json_length(hello->scopes_asked); i < n; i++) {
		jv scope = json_at(hello->scopes_asked, i);

		buf_printf(out, "%s%s", separator, json_as_string(scope, ""));
		separator = ",";
		jv_free(scope);
	}
	buf_printf(out, "|%" PRId64 "|%s|%s",
	    json_get_int(hello->device, "signedAt", 0), hello->signed_token,
	    nonce);
	if (version == 3) {
		buf_add_byte(out, '|');
		add_lower(out, hello->platform);
		buf_add_byte(out, '|');
		add_lower(out, hello->family);
	}
}

enum ws_device_result
ws_device_check(const struct ws_hello *hello, const char *nonce, int64_t now)
{
	const char *id = json_get_string(hello->device, "id", NULL);
	const char *key_text =
	    json_get_string(hello->device, "publicKey", NULL);
	const char *signature_text =
	    json_get_string(hello->device, "signature", NULL);
	int64_t at = json_get_int(hello->device, "signedAt", -1);
	unsigned char key[KEY_SIZE], signature[SIGNATURE_SIZE];
	bool right = false;

	if (id == NULL || key_text == NULL || signature_text == NULL || at < 0)
		return WS_DEVICE_MALFORMED;
	if (strcmp(json_get_string(hello->device, "nonce", ""), nonce) != 0)
		return WS_DEVICE_WRONG_NONCE;
	if (!decode(key_text, key, sizeof key))
		return WS_DEVICE_WRONG_KEY;
	if (!is_id_of(id, key))
		return WS_DEVICE_WRONG_ID;
	if (at < now - SKEW_MS || at > now + SKEW_MS)
		return WS_DEVICE_STALE;
	if (!decode(signature_text, signature, sizeof signature))
		return WS_DEVICE_WRONG_SIGNATURE;
	for (int version = 3; version >= 2 && !right; version--) {
		struct buf words = {0};

		add_words(&words, hello, nonce, version);
		right = is_signed(key, signature, &words);
		buf_wipe(&words);
	}
	return right ? WS_DEVICE_OK : WS_DEVICE_WRONG_SIGNATURE;
}
