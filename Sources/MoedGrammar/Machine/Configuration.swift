/// A frame on top of the configuration below it.
struct StackEntry: Hashable, Sendable {
    var frame: Int32
    var below: Int32
}

/// Numbered sets of stacks. Equal sets have equal numbers, so stacks share all that they have in common.
///
/// A configuration is a set of frames, each with the configuration that it returns to. Frames that occur twice are
/// merged: their returns are united. The size of a configuration is bounded by the number of different frames.
struct ConfigurationTable {
    /// Only the end: what the lowest level returns to.
    static let bottom: Int32 = 0
    /// Levels that are cut off.
    static let cut: Int32 = 1
    static let dead: Int32 = -1

    private(set) var frames: [Frame] = []
    private var frameIDs: [Frame: Int32] = [:]
    private(set) var entries: [[StackEntry]] = []
    private var ids: [[StackEntry]: Int32] = [:]

    init() {
        let accept = number(Frame(.accept))
        _ = make([StackEntry(frame: accept, below: 0)])
        let unknown = number(Frame(.unknown))
        _ = make([StackEntry(frame: unknown, below: 1)])
    }

    var count: Int { entries.count }

    mutating func number(_ frame: Frame) -> Int32 {
        if let id = frameIDs[frame] { return id }
        let id = Int32(frames.count)
        frameIDs[frame] = id
        frames.append(frame)
        return id
    }

    /// Levels in which equal frames are merged. Below them the stacks are kept apart.
    private static let mergedLevels = 200

    /// - Parameter list: in any order; entries of equal frames are merged.
    mutating func make(_ list: [StackEntry], levels: Int = mergedLevels) -> Int32 {
        guard list.count > 1 else { return list.isEmpty ? Self.dead : intern(list) }
        let sorted = list.sorted { ($0.frame, $0.below) < ($1.frame, $1.below) }
        var merged: [StackEntry] = []
        for entry in sorted {
            guard let last = merged.last, last.frame == entry.frame, levels > 0 || last.below == entry.below else {
                merged.append(entry)
                continue
            }
            if last.below != entry.below {
                merged[merged.count - 1].below = make(
                    entries[Int(last.below)] + entries[Int(entry.below)], levels: levels - 1)
            }
        }
        return intern(merged)
    }

    private mutating func intern(_ list: [StackEntry]) -> Int32 {
        if let id = ids[list] { return id }
        let id = Int32(entries.count)
        ids[list] = id
        entries.append(list)
        return id
    }
}
