/* SPDX-License-Identifier: ISC */
#include "daemon/io/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

/* Only what was mapped read-only and executable: it cannot have been written to, so a page
 * that is dropped is read again as it was. */
static int
drop_text(struct dl_phdr_info *object, size_t size, void *arg)
{
	const uintptr_t page = 4096;

	(void)size;
	(void)arg;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + segment->p_vaddr;
		uintptr_t end = start + segment->p_memsz;

		if (segment->p_type != PT_LOAD || segment->p_flags != (PF_R | PF_X))
			continue;
		start &= ~(page - 1);
		madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void
memory_give_back(void)
{
#ifndef __SANITIZE_ADDRESS__
	malloc_trim(0);
#endif
	dl_iterate_phdr(drop_text, NULL);
}
