/// The system has run out of a resource: threads, descriptors or memory.
package struct HostError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Names the resource, its purpose and the system's error number if there is one.
    package let description: String

    package init(_ description: String) { self.description = description }
}
