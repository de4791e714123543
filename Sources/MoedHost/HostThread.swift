import Glibc

/// A thread of the system with a name, for blocking calls and for compute.
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
    /// - Parameter body: guards by itself all that it shares with other threads.
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

    /// Waits for the end of the thread. Called once, and not after `detach()`.
    package func join() { pthread_join(handle, nil) }

    /// Lets the system clean up after the thread by itself.
    package func detach() { pthread_detach(handle) }
}

/// A thread's name and body on their way to the thread.
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

    /// Swift's view of glibc leaves out `pthread_setname_np`. Without /proc the thread has no name.
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
