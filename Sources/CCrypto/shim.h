// OpenSSL's libcrypto: SHA-256 for rule sets and configuration, SHA-1 for UUIDv5 (RFC 9562 asks for it).
#pragma once
#include <openssl/evp.h>
#include <openssl/sha.h>
