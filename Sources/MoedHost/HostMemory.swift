/// Memory of the machine, of this process's control groups, and of the process itself.
package enum HostMemory {
    /// Maximum memory of this process in bytes: the machine's memory, or a lower limit of an enclosing control group.
    package static var available: Int {
        let machine = bytes(of: "MemTotal:", in: read("/proc/meminfo")) ?? 0
        let limit = ControlGroups(read("/proc/self/cgroup")).memoryLimit(read)
        return min(machine > 0 ? machine : .max, limit ?? .max)
    }

    /// Resident memory of this process in bytes; 0 when the system does not report it.
    package static var resident: Int { bytes(of: "VmRSS:", in: read("/proc/self/status")) ?? 0 }

    /// Memory of this process in bytes, reproducible from start to start: written pages plus all code of the program
    /// and its libraries.
    ///
    /// All code counts, because its resident part varies.
    package static var committed: Int {
        guard let written = bytes(of: "RssAnon:", in: read("/proc/self/status")) else { return resident }
        return written + codeBytes(read("/proc/self/maps") ?? "")
    }

    /// Bytes of executable mappings, from lines like `7f1c80000000-7f1c80021000 r-xp 00001000 …`.
    package static func codeBytes(_ maps: String) -> Int {
        maps.split(separator: "\n").map { line in
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count > 2, words[1].contains("x") else { return 0 }
            let ends = words[0].split(separator: "-").compactMap { Int($0, radix: 16) }
            return ends.count == 2 ? ends[1] - ends[0] : 0
        }.reduce(0, +)
    }

    /// Reads a file of the kernel; nil when it cannot be read.
    private static func read(_ path: String) -> String? {
        (try? WholeFile.read(path, bytesMax: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Value of a line like “MemTotal:  24576 kB” in bytes.
    static func bytes(of field: String, in text: String?) -> Int? {
        let line = text?.split(separator: "\n").first { $0.hasPrefix(field) }
        let words = line?.split(separator: " ").dropFirst()
        return words?.first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}

/// The control groups of a process, version 1 or 2, as `/proc/self/cgroup` lists them.
package struct ControlGroups {
    /// Path within the unified hierarchy.
    private(set) var unified: String?
    /// Path within the hierarchy of version 1's memory controller.
    private(set) var memory: String?

    /// Parses lines like `0::/user.slice` and `4:memory:/jobs`.
    package init(_ text: String?) {
        for line in (text ?? "").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0", parts[1].isEmpty { unified = String(parts[2]) }
            if parts[1].split(separator: ",").contains("memory") { memory = String(parts[2]) }
        }
    }

    /// Lowest memory limit of the groups and their ancestors; nil when there is none.
    ///
    /// Inside a container the paths may be the host's and may not be mounted. Only paths that exist count.
    package func memoryLimit(_ read: (String) -> String?) -> Int? {
        let places =
            Self.ancestors(unified).map { "/sys/fs/cgroup\($0)/memory.max" }
            + Self.ancestors(memory).map { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
        // “max” and version 1's largest number mean no limit.
        return places.compactMap { read($0).flatMap { Int($0.filter { !$0.isWhitespace }) } }
            .filter { $0 < 1 << 60 }.min()
    }

    /// `/a/b` → ["/a/b", "/a", ""].
    private static func ancestors(_ path: String?) -> [String] {
        guard let path else { return [] }
        var parts = path.split(separator: "/")
        var result: [String] = []
        while true {
            result.append(parts.map { "/\($0)" }.joined())
            guard parts.popLast() != nil else { return result }
        }
    }
}
