import Glibc

/// Zeroed, page-aligned memory from the kernel, unmapped when this object is deinitialised.
@safe package final class AlignedMemory {
    package let byteCount: Int
    package let base: UnsafeMutableRawPointer

    /// - Parameter purpose: purpose of the memory, for the error message.
    /// - Throws: `HostError` naming size and purpose.
    package init(byteCount: Int, purpose: String) throws(HostError) {
        let size = max(byteCount, 1)
        let mapping = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            throw HostError("cannot allocate \(size) bytes for \(purpose)")
        }
        // Only a hint. Huge pages greatly reduce the TLB misses of a sweep over gigabytes of weights.
        if size >= 2 << 20 { unsafe madvise(mapping, size, Int32(MADV_HUGEPAGE)) }
        self.byteCount = size
        unsafe base = mapping  // Last: nothing may throw once we own it.
    }

    deinit { unsafe munmap(base, byteCount) }
}
