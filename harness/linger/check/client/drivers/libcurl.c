/*
 * A driver for libcurl that reuses one easy handle:
 *
 *     cc -o libcurl libcurl.c -lcurl -lcrypto && linger check-client --driver -- ./libcurl
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct body {
	EVP_MD_CTX *digest;
	size_t bytes;
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct body *body = context;

	EVP_DigestUpdate(body->digest, data, size * count);
	body->bytes += size * count;
	return size * count;
}

static void print_digest(EVP_MD_CTX *digest)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int length;

	EVP_DigestFinal_ex(digest, hash, &length);
	for (unsigned int i = 0; i < length; i++)
		printf("%02x", hash[i]);
}

/* Make a request, and answer it. file: of a POST, else NULL. */
static void fetch(CURL *curl, const char *url, const char *file)
{
	FILE *upload = file ? fopen(file, "rb") : NULL;
	struct body body = {.digest = EVP_MD_CTX_new()};
	CURLcode code;
	long status = 0;
	bool ok;

	EVP_DigestInit_ex(body.digest, EVP_sha256(), NULL);
	curl_easy_reset(curl); /* keeps the connections */
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	if (upload) {
		fseek(upload, 0, SEEK_END);
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ftell(upload));
		curl_easy_setopt(curl, CURLOPT_READDATA, upload);
		rewind(upload);
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	ok = code == CURLE_OK && status < 400;
	printf("{\"ok\": %s, \"status\": ", ok ? "true" : "false");
	status ? printf("%ld", status) : printf("null");
	printf(", \"bytes\": %zu, \"sha256\": \"", body.bytes);
	print_digest(body.digest);
	ok ? printf("\", \"error\": null}\n")
	   : printf("\", \"error\": \"(%d) %s\"}\n", code, curl_easy_strerror(code));
	fflush(stdout);
	EVP_MD_CTX_free(body.digest);
	if (upload)
		fclose(upload);
}

int main(void)
{
	CURL *curl = curl_easy_init();
	char line[8192];

	while (fgets(line, sizeof line, stdin) && strcmp(line, "QUIT\n") != 0) {
		strtok(line, " \n"); /* GET or POST; only POST has a file */
		char *url = strtok(NULL, " \n"), *file = strtok(NULL, "\n");

		fetch(curl, url, file);
	}
	curl_easy_cleanup(curl);
}
