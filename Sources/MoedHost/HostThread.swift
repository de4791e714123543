import Glibc

/// A named system thread for blocking calls and for compute.
package struct HostThread {
    private let handle: pthread_t

    /// Starts a thread that runs `body` once.
    ///
    /// - Parameter name: for `top` and debuggers, at most 15 bytes; nil keeps the program's name.
    /// - Throws: `HostError` when the system has no thread left.
    package init(name: String?, _ body: @escaping @Sendable () -> Void) throws(HostError) {
        try self.init(named: name, body)
    }

    /// As `init(name:_:)`, for a body whose captures the compiler cannot check.
    ///
    /// - Parameter body: must itself synchronise all state that it shares with other threads.
    package static func unchecked(
        name: String?, _ body: @escaping () -> Void
    ) throws(HostError) -> HostThread {
        try HostThread(named: name, body)
    }

    private init(named name: String?, _ body: @escaping () -> Void) throws(HostError) {
        var handle = pthread_t()
        let argument = unsafe Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
        let status = unsafe pthread_create(&handle, nil, runStart, argument)
        guard status == 0 else {
            unsafe Unmanaged<Start>.fromOpaque(argument).release()
            throw HostError("cannot start thread \(name ?? ""): error \(status)")
        }
        self.handle = handle
    }

    /// Waits for the end of the thread. It may be called once, and not after `detach()`.
    package func join() { pthread_join(handle, nil) }

    /// Lets the system release the thread's resources when the thread ends.
    package func detach() { pthread_detach(handle) }
}

/// Name and body of a thread, passed to its C entry.
private final class Start {
    let name: String?
    let body: () -> Void

    init(name: String?, body: @escaping () -> Void) {
        self.name = name
        self.body = body
    }

    func run() {
        if let name { nameThisThread(name) }
        body()
    }

    /// Names the thread through /proc, because Swift's import of glibc lacks `pthread_setname_np`. Without /proc the
    /// thread has no name.
    private func nameThisThread(_ name: String) {
        let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = unsafe write(file, name, name.utf8.count)
        _ = close(file)
    }
}

/// The C entry of every thread; `argument` is a retained `Start`.
private func runStart(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
