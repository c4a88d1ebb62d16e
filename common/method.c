/* SPDX-License-Identifier: ISC */
#include "common/method.h"

#include <string.h>

#include "common/str.h"

const struct method_info method_info[METHOD_COUNT] = {
#define X(id, name, flags, help) [METHOD_##id] = { name, flags, help },
	METHODS(X)
#undef X
};

enum method
method_find(const char *qualified)
{
	if (!str_starts(qualified, METHOD_INTERFACE "."))
		return METHOD_COUNT;
	for (unsigned i = 0; i < METHOD_COUNT; i++)
		if (str_eq(method_info[i].name, qualified + strlen(METHOD_INTERFACE ".")))
			return (enum method)i;
	return METHOD_COUNT;
}
