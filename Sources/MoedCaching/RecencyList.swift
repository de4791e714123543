/// Some of the numbers 0..<n, from the least to the most recently used; every change takes the same short time.
struct RecencyList: Sendable {
    private var before: [Int]
    private var after: [Int]
    /// The ring's joint: before the oldest and after the newest.
    private let joint: Int

    init(_ n: Int) {
        before = Array(repeating: -1, count: n + 1)
        after = before
        joint = n
        (before[n], after[n]) = (n, n)
    }

    func contains(_ key: Int) -> Bool { before[key] >= 0 }
    var oldest: Int? { after[joint] == joint ? nil : after[joint] }

    mutating func remove(_ key: Int) {
        guard contains(key) else { return }
        after[before[key]] = after[key]
        before[after[key]] = before[key]
        before[key] = -1
    }

    /// Puts a number in, or moves it, to the most recent end.
    mutating func use(_ key: Int) {
        remove(key)
        let last = before[joint]
        (before[key], after[key]) = (last, joint)
        after[last] = key
        before[joint] = key
    }
}
