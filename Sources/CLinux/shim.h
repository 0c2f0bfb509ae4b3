#include <sys/xattr.h>

// As in memfd_create(2); <sys/mman.h> declares it for _GNU_SOURCE alone, which a module cannot define.
extern int memfd_create(const char *name, unsigned int flags);
