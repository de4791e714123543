import Glibc

/// A flag that one thread sets and another waits for, alone or together with a socket.
///
/// It is a pipe that holds bytes while the flag is set.
package final class EventSignal: Sendable {
    /// Descriptor that is readable while the flag is set.
    package let descriptor: Int32
    private let writer: Int32

    /// - Throws: `HostError` when no descriptor is left.
    package init() throws(HostError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            throw HostError("cannot open a pipe: errno \(errno)")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        descriptor = ends[0]
        writer = ends[1]
    }

    deinit {
        _ = close(descriptor)
        _ = close(writer)
    }

    /// Sets the flag. The result of the write is ignored, because a full pipe is also a set flag.
    package func set() {
        var byte: UInt8 = 1
        _ = unsafe write(writer, &byte, 1)
    }

    /// Clears the flag. Returns false when it was not set.
    @discardableResult
    package func clear() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64)
        var wasSet = false
        while unsafe read(descriptor, &bytes, bytes.count) > 0 { wasSet = true }
        return wasSet
    }

    /// Blocks until the flag is set, and clears it.
    package func wait() {
        while !clear() {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&entry, 1, -1)
        }
    }
}
