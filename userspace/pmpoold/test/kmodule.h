/* SPDX-License-Identifier: GPL-2.0-only */
/* A module as far as modinfo reads it, for tests. */
#include <elf.h>
#include <string.h>

struct kmodule {
	Elf64_Ehdr header;
	Elf64_Shdr sections[5];
	Elf64_Sym symbol;
	char names[sizeof("\0.modinfo\0.shstrtab\0.symtab\0.strtab")];
	char info[512];
};

/* info: strings, each with its NUL. */
static inline void kmodule(struct kmodule *m, const char *info, size_t len)
{
	static const char names[] = "\0.modinfo\0.shstrtab\0.symtab\0.strtab";

	memset(m, 0, sizeof(*m));
	memcpy(m->header.e_ident, ELFMAG, SELFMAG);
	m->header.e_ident[EI_CLASS] = ELFCLASS64;
	m->header.e_ident[EI_DATA] = ELFDATA2LSB;
	m->header.e_ident[EI_VERSION] = EV_CURRENT;
	m->header.e_type = ET_REL;
	m->header.e_machine = EM_X86_64;
	m->header.e_version = EV_CURRENT;
	m->header.e_shoff = (size_t)((char *)m->sections - (char *)m);
	m->header.e_ehsize = sizeof(m->header);
	m->header.e_shentsize = sizeof(m->sections[0]);
	m->header.e_shnum = 5;
	m->header.e_shstrndx = 2;
	m->sections[1] = (Elf64_Shdr){
		.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC,
		.sh_offset = (size_t)(m->info - (char *)m), .sh_size = len, .sh_addralign = 1,
	};
	m->sections[2] = (Elf64_Shdr){
		.sh_name = 10, .sh_type = SHT_STRTAB,
		.sh_offset = (size_t)(m->names - (char *)m), .sh_size = sizeof(names),
	};
	m->sections[3] = (Elf64_Shdr){
		.sh_name = 20, .sh_type = SHT_SYMTAB, .sh_link = 4, .sh_entsize = sizeof(Elf64_Sym),
		.sh_offset = (size_t)((char *)&m->symbol - (char *)m), .sh_size = sizeof(Elf64_Sym),
	};
	m->sections[4] = m->sections[2];
	m->sections[4].sh_name = 28;
	memcpy(m->names, names, sizeof(names));
	memcpy(m->info, info, len);
}
