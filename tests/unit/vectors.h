/* SPDX-License-Identifier: ISC */
/* vectors - keys and results that the RFCs print, and what follows from them. */
#ifndef ACMED_VECTORS_H
#define ACMED_VECTORS_H

/* RFC 7517, appendix A.2; the modulus is that of RFC 7638, section 3.1 */
#define RSA_N_TEXT                                                                 \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aP" \
	"FFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl9" \
	"3lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA" \
	"ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3" \
	"XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RSA_D_TEXT                                                                 \
	"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRwe" \
	"UkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nH" \
	"NKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3S" \
	"k5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2W" \
	"Bii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q"
#define RSA_P_TEXT                                                                 \
	"83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujn" \
	"Mt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41" \
	"xy8B9RzzOGVQzXvNEvn7O0nVbfs"
#define RSA_Q_TEXT                                                                 \
	"3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdp" \
	"YzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkD" \
	"EgfAITAG9LUnADun4vIcb6yelxk"
#define RSA_DP_TEXT                                                                \
	"G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dp" \
	"gFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2z" \
	"q8Lfn9EUms6rY3Ob8YeiKkTiBj0"
#define RSA_DQ_TEXT                                                                \
	"s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznY" \
	"Y5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e74WbRsobRonujTYN1xCa" \
	"P6TO61jvWrX-L18txXw494Q_cgk"
#define RSA_QI_TEXT                                                                \
	"GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zo" \
	"DAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24Zx" \
	"vQKFYItdldUKGzO6Ia6zTKhAVRU"
#define RSA_PUBLIC             "\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N_TEXT "\""
#define RSA_PUBLIC_JWK         "{" RSA_PUBLIC "}"
#define RSA_JWK_WITHOUT_PRIMES "{" RSA_PUBLIC ",\"d\":\"" RSA_D_TEXT "\"}"
#define RSA_JWK_WITHOUT_CRT                                            \
	"{" RSA_PUBLIC ",\"d\":\"" RSA_D_TEXT "\",\"p\":\"" RSA_P_TEXT \
	"\",\"q\":\"" RSA_Q_TEXT "\"}"
#define RSA_JWK                                                                        \
	"{" RSA_PUBLIC ",\"d\":\"" RSA_D_TEXT "\",\"p\":\"" RSA_P_TEXT                 \
	"\",\"q\":\"" RSA_Q_TEXT "\",\"dp\":\"" RSA_DP_TEXT "\",\"dq\":\"" RSA_DQ_TEXT \
	"\",\"qi\":\"" RSA_QI_TEXT "\"}"
#define RSA_THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

/* RFC 8037, appendix A */
#define ED25519_X          "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED25519_D          "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define ED25519_PUBLIC     "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" ED25519_X "\""
#define ED25519_PUBLIC_JWK "{" ED25519_PUBLIC "}"
#define ED25519_JWK        "{" ED25519_PUBLIC ",\"d\":\"" ED25519_D "\"}"
#define ED25519_THUMBPRINT "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

/* RFC 7515, appendix A.3 */
#define P256_PUBLIC                                        \
	"\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":"          \
	"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define P256_PUBLIC_JWK "{" P256_PUBLIC "}"
#define P256_JWK        "{" P256_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define P256_THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define P256_PEM                                                             \
	"-----BEGIN PRIVATE KEY-----\n"                                      \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n" \
	"H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n" \
	"7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"         \
	"-----END PRIVATE KEY-----\n"

/* RFC 7515, appendix A.4 */
#define P521_JWK                                                                       \
	"{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":"                                     \
	"\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG"                    \
	"_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_"                  \
	"RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1"                                          \
	"WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\",\"d\":\"AY5pb7A0UFiB3RELSD64fTLOSV_" \
	"jazdF7fLYyuTw8lOf"                                                            \
	"RhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C\"}"
#define P521_THUMBPRINT "u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U"

#endif
