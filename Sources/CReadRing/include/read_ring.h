/* Reads of one file through io_uring: many under way at once, begun and awaited by one thread.
 *
 * By system calls alone, without liburing: setup, submission queue and completion queue as io_uring(7) and
 * linux/io_uring.h have them. Needs Linux 5.6 (IORING_OP_READ); containers and administrators may forbid it. */
#ifndef READ_RING_H
#define READ_RING_H

#include <stddef.h>
#include <stdint.h>

typedef struct read_ring read_ring;

typedef struct {
    uint64_t token; /* as given to read_ring_add */
    int64_t result; /* bytes read, or -errno */
} read_ring_ended;

/* A ring for so many reads at once. NULL with errno set: the kernel is too old or forbids it (ENOSYS, EPERM), or has no
 * memory or descriptor left. */
read_ring *read_ring_open(int file, unsigned depth);

/* Waits for no read: those under way must have ended. */
void read_ring_close(read_ring *ring);

/* Adds a read, which begins with the next read_ring_submit or read_ring_wait. At most `depth` may be added or under
 * way; the bytes at `target` belong to the kernel until the read has ended. */
void read_ring_add(read_ring *ring, void *target, uint32_t size, uint64_t offset, uint64_t token);

/* Begins what was added. 0 or -errno: -EAGAIN and -EBUSY when the kernel is short of memory, to be tried again. */
int read_ring_submit(read_ring *ring);

/* The same, and waits until a read has ended or read_ring_wake was called, now or since the last wait. Returns the
 * number of reads that have ended, at most `room`, or -errno. */
int read_ring_wait(read_ring *ring, read_ring_ended *ended, size_t room);

/* The reads that have ended, at most `room`, without a system call. */
int read_ring_take(read_ring *ring, read_ring_ended *ended, size_t room);

/* The number of entries that were added and not begun. */
unsigned read_ring_unsubmitted(const read_ring *ring);

/* Lets read_ring_wait return. From any thread. */
void read_ring_wake(read_ring *ring);

#endif
