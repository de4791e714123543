/// Bytes of request bodies that a runner accepts. Bodies are part of the memory budget.
package struct RequestRoom: Sendable, Equatable {
    /// Longest body that the runner can run, in bytes. A longer one is refused without being fetched.
    package var bodyMax: Int
    /// Bytes that the bodies of the next started jobs may have together.
    package var bytes: Int

    package init(bodyMax: Int, bytes: Int) {
        self.bodyMax = bodyMax
        self.bytes = bytes
    }

    /// Room of a runner that does not read bodies.
    package static let unlimited = RequestRoom(bodyMax: RequestLimit.bodyBytesMax, bytes: .max)
}
