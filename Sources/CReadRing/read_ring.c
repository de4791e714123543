#include "read_ring.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The token of the read of the event descriptor. */
#define WAKE UINT64_MAX

struct read_ring {
    int descriptor, file, event;
    unsigned added; /* entries that the kernel has not been told of */
    int event_is_read;
    uint64_t event_count; /* where the event's read goes */
    void *queues;
    size_t queues_size, entries_size;
    struct io_uring_sqe *entries;
    unsigned *tail, tail_mask, *submitted;
    unsigned *ended_head, *ended_tail, ended_mask;
    struct io_uring_cqe *ended;
};

/* Both queues in one mapping, the entries in another: io_uring(7). */
static int map_queues(read_ring *ring, const struct io_uring_params *params) {
    size_t submission = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    size_t completion = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring->queues_size = submission > completion ? submission : completion;
    ring->entries_size = params->sq_entries * sizeof(struct io_uring_sqe);
    int access = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_POPULATE;
    ring->queues = mmap(NULL, ring->queues_size, access, kind, ring->descriptor, IORING_OFF_SQ_RING);
    if (ring->queues == MAP_FAILED) return -1;
    ring->entries = mmap(NULL, ring->entries_size, access, kind, ring->descriptor, IORING_OFF_SQES);
    if (ring->entries == MAP_FAILED) return -1;
    char *base = ring->queues;
    ring->tail = (unsigned *)(base + params->sq_off.tail);
    ring->tail_mask = *(unsigned *)(base + params->sq_off.ring_mask);
    ring->submitted = (unsigned *)(base + params->sq_off.array);
    ring->ended_head = (unsigned *)(base + params->cq_off.head);
    ring->ended_tail = (unsigned *)(base + params->cq_off.tail);
    ring->ended_mask = *(unsigned *)(base + params->cq_off.ring_mask);
    ring->ended = (struct io_uring_cqe *)(base + params->cq_off.cqes);
    return 0;
}

read_ring *read_ring_open(int file, unsigned depth) {
    read_ring *ring = calloc(1, sizeof *ring);
    if (!ring) return NULL;
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    ring->file = file;
    ring->queues = ring->entries = MAP_FAILED;
    ring->event = eventfd(0, EFD_CLOEXEC);
    ring->descriptor = (int)syscall(SYS_io_uring_setup, depth + 1, &params); /* one more for the event */
    if (ring->event < 0 || ring->descriptor < 0) goto refused;
    if (!(params.features & IORING_FEAT_SINGLE_MMAP) || !(params.features & IORING_FEAT_RW_CUR_POS)) {
        errno = ENOSYS; /* before Linux 5.6 */
        goto refused;
    }
    if (map_queues(ring, &params) == 0) return ring;
refused:;
    int reason = errno;
    read_ring_close(ring);
    errno = reason;
    return NULL;
}

void read_ring_close(read_ring *ring) {
    if (ring->entries != MAP_FAILED) munmap(ring->entries, ring->entries_size);
    if (ring->queues != MAP_FAILED) munmap(ring->queues, ring->queues_size);
    if (ring->descriptor >= 0) close(ring->descriptor);
    if (ring->event >= 0) close(ring->event);
    free(ring);
}

static void add(read_ring *ring, int file, void *target, uint32_t size, uint64_t offset, uint64_t token) {
    unsigned tail = *ring->tail, index = tail & ring->tail_mask;
    struct io_uring_sqe *entry = &ring->entries[index];
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_READ;
    entry->fd = file;
    entry->addr = (uint64_t)(uintptr_t)target;
    entry->len = size;
    entry->off = offset;
    entry->user_data = token;
    ring->submitted[index] = index;
    __atomic_store_n(ring->tail, tail + 1, __ATOMIC_RELEASE);
    ring->added++;
}

void read_ring_add(read_ring *ring, void *target, uint32_t size, uint64_t offset, uint64_t token) {
    add(ring, ring->file, target, size, offset, token);
}

static int enter(read_ring *ring, unsigned least, unsigned flags) {
    long taken = syscall(SYS_io_uring_enter, ring->descriptor, ring->added, least, flags, NULL, 0);
    if (taken < 0) return -errno;
    ring->added -= (unsigned)taken;
    return 0;
}

int read_ring_submit(read_ring *ring) { return ring->added ? enter(ring, 0, 0) : 0; }

int read_ring_wait(read_ring *ring, read_ring_ended *ended, size_t room) {
    if (!ring->event_is_read) {
        add(ring, ring->event, &ring->event_count, sizeof ring->event_count, 0, WAKE);
        ring->event_is_read = 1;
    }
    int refusal = enter(ring, 1, IORING_ENTER_GETEVENTS);
    return refusal < 0 ? refusal : read_ring_take(ring, ended, room);
}

unsigned read_ring_unsubmitted(const read_ring *ring) { return ring->added; }

int read_ring_take(read_ring *ring, read_ring_ended *ended, size_t room) {
    unsigned head = *ring->ended_head, tail = __atomic_load_n(ring->ended_tail, __ATOMIC_ACQUIRE);
    size_t count = 0;
    for (; head != tail && count < room; head++) {
        const struct io_uring_cqe *entry = &ring->ended[head & ring->ended_mask];
        if (entry->user_data == WAKE)
            ring->event_is_read = 0;
        else
            ended[count++] = (read_ring_ended){entry->user_data, entry->res};
    }
    __atomic_store_n(ring->ended_head, head, __ATOMIC_RELEASE);
    return (int)count;
}

void read_ring_wake(read_ring *ring) {
    uint64_t one = 1;
    /* A full counter lets the wait return as well. */
    (void)!write(ring->event, &one, sizeof one);
}
