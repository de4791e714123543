package import Foundation
import Glibc
import Synchronization

extension Process {
    /// Starts the program.
    ///
    /// Foundation waits for the end of programs by select(2), which does not see descriptors from 1024 on. All tests at
    /// once use more of them, so some low ones are kept for this.
    package func start() throws { try LowDescriptors.shared.lend { try run() } }
}

/// Descriptors below 1024 that are kept from other uses.
private final class LowDescriptors: Sendable {
    static let shared = LowDescriptors()
    private static let count = 256
    /// As many as a start takes.
    private static let lent = 16
    private let kept = Mutex<[Int32]>([])

    private init() { kept.withLock { Self.fill(&$0) } }

    /// Runs `body` while some of the descriptors are free.
    func lend(_ body: () throws -> Void) throws {
        try kept.withLock { kept in
            for descriptor in kept.prefix(Self.lent) { close(descriptor) }
            kept.removeFirst(min(Self.lent, kept.count))
            defer { Self.fill(&kept) }
            try body()
        }
    }

    private static func fill(_ kept: inout [Int32]) {
        while kept.count < count {
            let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard (0..<1024).contains(descriptor) else {
                if descriptor >= 0 { close(descriptor) }
                break
            }
            kept.append(descriptor)
        }
        kept.sort()
    }
}
