/// Calls `body` with a C array of NUL-terminated strings, a null pointer for each nil, and a null pointer at its end.
///
/// - Precondition: no string contains a NUL character, which would end it early.
func withCStringArray<R, E: Error>(
    _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws(E) -> R
) throws(E) -> R {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(strings.reduce(0) { $0 + ($1?.utf8.count ?? 0) + 1 })
    var starts: [Int?] = []
    for string in strings {
        guard let string else {
            starts.append(nil)
            continue
        }
        starts.append(bytes.count)
        bytes += string.utf8
        bytes.append(0)
    }
    return try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(E) -> R in
        let base = unsafe UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self)
        var pointers = unsafe starts.map { start in unsafe start.flatMap { unsafe base?.advanced(by: $0) } }
        unsafe pointers.append(nil)
        return try unsafe pointers.withUnsafeBufferPointer { (list) throws(E) -> R in
            guard let first = list.baseAddress else { preconditionFailure("the array holds its terminator") }
            return try unsafe body(first)
        }
    }
}
