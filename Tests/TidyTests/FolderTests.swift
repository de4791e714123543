import Testing

/// Rooms within a target: folders use each other in one direction only.
struct FolderTests {
    /// Uses of one folder's types in another, with an example.
    private typealias Arrows = [String: [String: String]]

    @Test(arguments: Set(SourceTree.swiftSources.map(\.target)).sorted())
    func foldersHaveNoCircle(target: String) {
        let arrows = Self.arrows(in: SourceTree.swiftSources.filter { $0.target == target })
        let circle = Self.circle(in: arrows.mapValues { Set($0.keys) })
        let examples = zip(circle, circle.dropFirst()).map { from, to in
            "\(from) → \(to) (\(arrows[from]?[to] ?? ""))"
        }
        #expect(circle.isEmpty, "folders of \(target) use each other in a circle: \(examples)")
    }

    @Test func aCircleIsFound() {
        let files = [
            SourceFile(path: "Sources/T/A/One.swift", lines: ["struct One { var two: Two }"]),
            SourceFile(path: "Sources/T/B/Two.swift", lines: ["struct Two {}", "struct Three {}"]),
        ]
        #expect(Self.circle(in: Self.arrows(in: files).mapValues { Set($0.keys) }).isEmpty)
        let back = files + [SourceFile(path: "Sources/T/B/Four.swift", lines: ["let one: One"])]
        #expect(Self.circle(in: Self.arrows(in: back).mapValues { Set($0.keys) }) == ["A", "B", "A"])
    }

    private static func arrows(in files: [SourceFile]) -> Arrows {
        var homes: [Substring: Set<String>] = [:]
        for file in files {
            for name in file.declaredTypes { homes[name, default: []].insert(file.folder) }
        }
        var arrows: Arrows = [:]
        for file in files {
            for line in file.code {
                for word in line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) {
                    // A name that two folders declare tells nothing; files beside the folders are basics or the top.
                    guard let home = homes[word], home.count == 1, let folder = home.first, folder != "",
                        file.folder != "", folder != file.folder
                    else { continue }
                    arrows[file.folder, default: [:]][folder] = "\(word) in \(file.path)"
                }
            }
        }
        return arrows
    }

    /// A circle of names, the first one again at its end; empty where there is none.
    private static func circle(in arrows: [String: Set<String>]) -> [String] {
        var done: Set<String> = []
        func visit(_ name: String, _ path: [String]) -> [String] {
            if let start = path.firstIndex(of: name) { return Array(path[start...]) + [name] }
            guard done.insert(name).inserted else { return [] }
            for next in (arrows[name] ?? []).sorted() {
                let circle = visit(next, path + [name])
                if !circle.isEmpty { return circle }
            }
            return []
        }
        for name in arrows.keys.sorted() {
            let circle = visit(name, [])
            if !circle.isEmpty { return circle }
        }
        return []
    }
}

extension SourceFile {
    /// `Status` of `Sources/MoedFront/Status/Metric.swift`; empty for files directly in the target.
    fileprivate var folder: String {
        path.split(separator: "/").dropFirst(2).dropLast().joined(separator: "/")
    }

    /// Types declared at the top level.
    fileprivate var declaredTypes: [Substring] {
        code.compactMap { line in
            line.prefixMatch(
                of:
                    #/(?:@\w+ )*(?:package |private |fileprivate )?(?:final |indirect )?(?:struct|class|enum|protocol|actor) (\w+)/#
            )?.1
        }.map { Substring($0) }
    }
}
