#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "signature.h"

enum {
	HASH_SIZE = 32, /* of SHA-256 */
	HEX_SIZE = 2 * HASH_SIZE,
};

bool
signature_is_right(
    const char *header, const char *secret, const void *body, size_t length)
{
	static const char method[] = "sha256=";
	unsigned char hash[EVP_MAX_MD_SIZE], given[HEX_SIZE];
	char expected[HEX_SIZE + 1];
	unsigned int size = 0;

	if (header == NULL || strncmp(header, method, strlen(method)) != 0)
		return false;
	header += strlen(method);
	if (strlen(header) != HEX_SIZE)
		return false;
	if (HMAC(EVP_sha256(), secret, (int)strlen(secret), body, length, hash,
		&size) == NULL ||
	    size != HASH_SIZE)
		return false;
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(expected + 2 * i, 3, "%02x", hash[i]);
	for (size_t i = 0; i < HEX_SIZE; i++)
		given[i] = (unsigned char)(header[i] >= 'A' && header[i] <= 'F'
					       ? header[i] + ('a' - 'A')
					       : header[i]);
	return CRYPTO_memcmp(given, expected, HEX_SIZE) == 0;
}
