#include <systemd/sd-journal.h>

/* Of <sys/mman.h>, which declares it only with _GNU_SOURCE. */
extern int memfd_create(const char *name, unsigned flags);
